//! How log lines look: for people, or one JSON object a line. Always on standard error; standard output is for results.

use std::io::Write as _;

use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{Key, Value, VisitSource};

use crate::config::{Log, LogFormat};

/// Installs the logger. Called once.
pub(crate) fn install(settings: &Log) {
    let format = settings.format;
    let mut builder = env_logger::Builder::new();
    builder.filter_level(settings.level);
    // Libraries that talk of every connection.
    if settings.level < log::LevelFilter::Trace {
        for chatty in ["actix_server", "actix_http", "mio", "hyper_util", "reqwest", "r2d2", "h2"] {
            builder.filter_module(chatty, settings.level.min(log::LevelFilter::Warn));
        }
    }
    builder.format(move |out, record| match format {
        LogFormat::Text => text(out, record),
        LogFormat::Json => json(out, record),
    });
    builder.init();
}

/// Collects a record's fields.
#[derive(Default)]
struct Fields(Vec<(String, serde_json::Value)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        // Text stays text, also when it looks like a number: a field has one type for good.
        let number = value.to_i64().map(serde_json::Value::from);
        self.0.push((key.to_string(), number.unwrap_or_else(|| value.to_string().into())));
        Ok(())
    }
}

fn fields(record: &Record<'_>) -> Fields {
    let mut fields = Fields::default();
    // The visitor never fails.
    record.key_values().visit(&mut fields).unwrap_or_default();
    fields
}

fn text(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let style = out.default_level_style(record.level());
    write!(
        out,
        "{} {style}{:<5}{style:#} {}",
        out.timestamp_millis(),
        record.level(),
        // A line break in a message would let a client write log lines of its own.
        record.args().to_string().replace('\n', "\\n")
    )?;
    for (key, value) in fields(record).0 {
        match value.as_str() {
            Some(text) => write!(out, " {key}={text}")?,
            None => write!(out, " {key}={value}")?,
        }
    }
    writeln!(out)
}

fn json(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let mut line = serde_json::Map::new();
    line.insert("time".to_owned(), out.timestamp_millis().to_string().into());
    line.insert("level".to_owned(), record.level().as_str().to_lowercase().into());
    line.insert("target".to_owned(), record.target().into());
    line.insert("message".to_owned(), record.args().to_string().into());
    for (key, value) in fields(record).0 {
        line.insert(key, value);
    }
    writeln!(out, "{}", serde_json::Value::Object(line))
}
