//! Where the lines of the program's own log are written: to standard error, without any secret.

use daemon::LogRedaction;
use std::io::{self, Write};
use tracing_subscriber::fmt::MakeWriter;

/// Writes lines without secrets.
pub struct Clean(pub LogRedaction);

/// Writes one event; the subscriber hands each over in one piece.
pub struct Line<'a>(&'a LogRedaction);

impl<'a> MakeWriter<'a> for Clean {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(&self.0.clean(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
