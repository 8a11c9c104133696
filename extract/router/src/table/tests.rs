use super::*;

fn read(json: &str) -> Result<Table, String> {
    let table: Table = serde_json::from_str(json).map_err(|error| error.to_string())?;
    table.check().map_err(|error| error.to_string())?;
    Ok(table)
}

#[test]
fn a_table_survives_a_round_trip() {
    let json = r#"{"generation":3,"modules":{"order":{"epoch":7,"weight":25,"instances":[{"id":"a","url":"http://127.0.0.1:9000"}],
        "shadow":{"percent":5},"parked":true}},"prefixes":[{"path":"/legacy","upstream":["http://[::1]:81/old/"],"strip":true}]}"#;
    let table = read(json).unwrap();
    assert_eq!(read(&serde_json::to_string(&table).unwrap()).unwrap(), table);
    let url = &table.prefixes[0].upstream[0];
    assert_eq!((url.host(), url.port(), url.authority(), url.path()), ("::1", 81, "[::1]:81", "/old"));
    assert!(table.prefixes[0].preserve_host);
}

#[test]
fn a_wrong_table_is_refused_by_name() {
    let cases = [
        (r#"{"generation":1,"modules":{"order":{"epoch":1,"weight":101}}}"#, "101 is not a percentage"),
        (r#"{"generation":1,"modules":{"order":{"epoch":1,"weight":1}}}"#, "module order: traffic"),
        (r#"{"generation":1,"modules":{"Order!":{"epoch":1}}}"#, "\"Order!\" is not a name"),
        (r#"{"generation":1,"speed":9}"#, "unknown field `speed`"),
        (
            r#"{"generation":1,"modules":{"m":{"epoch":1,"instances":[{"id":"a","url":"http://h"},{"id":"a","url":"http://g"}]}}}"#,
            "two instances a",
        ),
        (r#"{"generation":1,"prefixes":[{"path":"/a","upstream":[]}]}"#, "at least one upstream"),
        (r#"{"generation":1,"prefixes":[{"path":"/a"}]}"#, "at least one upstream"),
        (
            r#"{"generation":1,"prefixes":[{"path":"/a","local":true,"upstream":["http://h"]}]}"#,
            "is local, so it has no upstream",
        ),
        (r#"{"generation":1,"prefixes":[{"path":"/a/../b","upstream":["http://h"]}]}"#, "must begin with"),
        (
            r#"{"generation":1,"prefixes":[{"path":"/a","upstream":["http://h"]},{"path":"/a/","upstream":["http://h"]}]}"#,
            "twice",
        ),
        (r#"{"generation":1,"prefixes":[{"path":"/a","upstream":["https://h"]}]}"#, "plain http"),
        (r#"{"generation":1,"prefixes":[{"path":"/a","upstream":["http://me:pw@h"]}]}"#, "credentials"),
        (r#"{"generation":1,"prefixes":[{"path":"/a","upstream":["http://h/?q"]}]}"#, "query"),
    ];
    for (json, expected) in cases {
        let error = read(json).expect_err(json);
        assert!(error.contains(expected), "{error}\ndoes not say {expected}");
    }
}

#[test]
fn a_prefix_ends_at_a_segment() {
    let prefix = |path: &str| Prefix {
        path: path.to_owned(),
        upstream: vec!["http://h".parse().unwrap()],
        local: false,
        strip: false,
        preserve_host: true,
        health: None,
    };
    for (path, covered, not) in
        [("/shop", "/shop/x", "/shopping"), ("/shop/", "/shop", "/sho"), ("/", "/any", "x")]
    {
        assert!(prefix(path).covers(covered), "{path} {covered}");
        assert!(!prefix(path).covers(not), "{path} {not}");
    }
}
