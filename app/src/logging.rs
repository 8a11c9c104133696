//! How log lines look: for people, or one JSON object a line. Always on standard error; standard output is for results.

use std::fmt::{self, Display};
use std::io::Write as _;

use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{Key, Value, VisitSource};
use serde::ser::{Serialize, SerializeMap, Serializer as _};

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

/// Writes a record's fields as ` key=value`.
struct Plain<'a>(&'a mut Formatter, std::io::Result<()>);

impl<'kvs> VisitSource<'kvs> for Plain<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        if self.1.is_ok() {
            self.1 = write!(self.0, " {key}=").and_then(|()| one_line(self.0, format_args!("{value}")));
        }
        Ok(())
    }
}

/// Writes a record's fields as members of an object.
struct Members<M: SerializeMap>(M, Result<(), M::Error>);

impl<'kvs, M: SerializeMap> VisitSource<'kvs> for Members<M> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        if self.1.is_err() {
            return Ok(());
        }
        // Text stays text, also when it looks like a number: a field has one type for good.
        self.1 = match (value.to_i64(), value.to_borrowed_str()) {
            (Some(number), _) => self.0.serialize_entry(key.as_str(), &number),
            (None, Some(text)) => self.0.serialize_entry(key.as_str(), text),
            (None, None) => self.0.serialize_entry(key.as_str(), &Shown(&value)),
        };
        Ok(())
    }
}

/// Serializes as the text that it is shown as.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A line break in a message would let a client write log lines of its own.
struct OneLine<'a>(&'a mut Formatter);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut lines = text.split('\n');
        let first = lines.next().map_or(Ok(()), |line| self.0.write_all(line.as_bytes()));
        first
            .and_then(|()| lines.try_for_each(|line| write!(self.0, "\\n{line}")))
            .map_err(|_error| fmt::Error)
    }
}

fn one_line(out: &mut Formatter, text: fmt::Arguments<'_>) -> std::io::Result<()> {
    fmt::Write::write_fmt(&mut OneLine(out), text).map_err(std::io::Error::other)
}

fn text(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let style = out.default_level_style(record.level());
    let time = out.timestamp_millis();
    write!(out, "{time} {style}{:<5}{style:#} ", record.level())?;
    one_line(out, *record.args())?;
    let mut fields = Plain(out, Ok(()));
    // The visitor never fails.
    record.key_values().visit(&mut fields).unwrap_or_default();
    fields.1?;
    writeln!(out)
}

fn json(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let time = out.timestamp_millis();
    let mut serializer = serde_json::Serializer::new(&mut *out);
    let mut line = serializer.serialize_map(None)?;
    line.serialize_entry("time", &Shown(time))?;
    line.serialize_entry("level", &record.level().as_str().to_ascii_lowercase())?;
    line.serialize_entry("target", record.target())?;
    line.serialize_entry("message", &Shown(record.args()))?;
    let mut fields = Members(line, Ok(()));
    record.key_values().visit(&mut fields).unwrap_or_default();
    let Members(line, written) = fields;
    written?;
    line.end()?;
    writeln!(out)
}
