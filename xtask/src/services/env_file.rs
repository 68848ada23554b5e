//! Files of `KEY=VALUE` lines.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::Error;

/// Keys with their values, in the keys' order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EnvFile {
    entries: BTreeMap<String, String>,
}

impl EnvFile {
    /// Reads a file; none if there is no such file.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>, Error> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// Writes the file anew.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        let lines = self
            .entries()
            .map(|(key, value)| format!("{key}={value}\n"));
        fs::write(path, lines.collect::<String>()).map_err(Error::io("write", path))
    }

    /// Removes a file, if there is one.
    pub(crate) fn remove(path: &Path) -> Result<(), Error> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::io("remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Sets a key's value.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.entries.insert(key.to_owned(), value.into());
    }

    /// Sets every key of other entries.
    pub(crate) fn set_all(&mut self, others: &Self) {
        let others = others.entries.clone();
        self.entries.extend(others);
    }

    /// Forgets every key of other entries.
    pub(crate) fn unset_all(&mut self, others: &Self) {
        self.entries
            .retain(|key, _| !others.entries.contains_key(key));
    }

    /// Whether there is no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A key's value.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    /// Every key with its value.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The entries as lines for a shell.
    pub(crate) fn exports(&self) -> String {
        let lines = self.assignments().map(|word| format!("export {word}\n"));
        lines.collect()
    }

    /// The entries as words for a shell.
    pub(crate) fn assignments(&self) -> impl Iterator<Item = String> {
        self.entries()
            .map(|(key, value)| format!("{key}={}", quoted(value)))
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let lines = text.lines().enumerate();
        let filled = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let entries = filled.map(|(index, line)| {
            entry(line).ok_or_else(|| Error::MalformedState {
                path: path.to_owned(),
                line: index + 1,
            })
        });
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
        })
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for EnvFile {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        Self {
            entries: entries
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        }
    }
}

fn entry(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once('=')?;
    (!key.is_empty()).then(|| (key.to_owned(), value.to_owned()))
}

/// The value, in single quotes where a shell would read more into it.
pub(crate) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/@%+,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<EnvFile, Error> {
        EnvFile::parse(text, Path::new("env"))
    }

    #[test]
    fn a_value_may_hold_an_equals_sign() -> Result<(), Error> {
        let env = parse("# what is up\n\nURL=postgres://a@b/c?d=e\n")?;
        assert_eq!(env.value("URL"), Some("postgres://a@b/c?d=e"));
        assert_eq!(env.entries().count(), 1);
        Ok(())
    }

    #[test]
    fn a_line_without_a_key_is_named() {
        for text in ["A=1\nnonsense\n", "A=1\n=2\n"] {
            assert!(matches!(
                parse(text),
                Err(Error::MalformedState { line: 2, .. })
            ));
        }
    }

    #[test]
    fn a_saved_file_reads_back() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("env");
        assert_eq!(EnvFile::load(&path)?, None);
        let mut env = EnvFile::default();
        env.set("B", "2");
        env.set("A", "1");
        env.save(&path)?;
        assert_eq!(fs::read_to_string(&path)?, "A=1\nB=2\n");
        assert_eq!(EnvFile::load(&path)?, Some(env));
        EnvFile::remove(&path)?;
        EnvFile::remove(&path)?;
        assert_eq!(EnvFile::load(&path)?, None);
        Ok(())
    }

    #[test]
    fn keys_come_and_go_with_others() {
        let mut env: EnvFile = [("A", "1"), ("B", "2")].into_iter().collect();
        env.set_all(&[("B", "3"), ("C", "4")].into_iter().collect());
        assert_eq!(env.exports(), "export A=1\nexport B=3\nexport C=4\n");
        env.unset_all(&[("A", "0"), ("B", "0")].into_iter().collect());
        assert_eq!(env.exports(), "export C=4\n");
    }

    #[test]
    fn a_shell_reads_exports_as_they_are() {
        let mut env = EnvFile::default();
        env.set("A", "postgres://celerysalt@127.0.0.1:5432/celerysalt");
        env.set("B", "amqp://h/v?a=1&b='$x'");
        assert_eq!(
            env.exports(),
            "export A=postgres://celerysalt@127.0.0.1:5432/celerysalt\n\
             export B='amqp://h/v?a=1&b='\\''$x'\\'''\n"
        );
    }
}
