//! Runs the real command on files in a folder of its own.

use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// A folder with a model, and the command to run in it.
pub(crate) struct Folder(TempDir);

/// What the command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    /// A folder with `model.json`.
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("model.json", &model().to_string());
        folder
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.path().join(name), text).unwrap();
        self
    }

    pub(crate) fn json(&self, name: &str, json: &Json) -> &Self {
        self.write(name, &json.to_string())
    }

    /// Runs `celerysalt rules` with these words.
    #[allow(dead_code, reason = "not every test file speaks of rules")]
    pub(crate) fn rules(&self, words: &str) -> Done {
        self.run(&format!("rules {words}"))
    }

    /// Runs `celerysalt` with these words.
    pub(crate) fn run(&self, words: &str) -> Done {
        let output = Command::new(env!("CARGO_BIN_EXE_celerysalt"))
            .current_dir(self.path())
            .args(words.split_whitespace())
            .output()
            .unwrap();
        Done {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Done {
    /// The lines of the output, each of them JSON.
    #[allow(dead_code, reason = "not every test file reads lines")]
    pub(crate) fn lines(&self) -> Vec<Json> {
        let lines = self.out.lines().map(serde_json::from_str);
        lines
            .collect::<Result<_, _>>()
            .unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Bad input: exit code 2, nothing printed, one line that says all of this.
    pub(crate) fn refused(&self, texts: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (2, ""), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        for text in texts {
            assert!(self.err.contains(text), "{text}: {self:?}");
        }
    }
}

pub(crate) fn model() -> Json {
    json!({"name": "order", "fields": {
        "status": "string", "amount": "decimal", "qty": "int", "ratio": "float?", "active": "bool?", "id": "uuid",
        "paid_at": "datetime?", "opens": "local_datetime?", "due": "date?", "at": "time?", "meta": "json?", "tags": "json?",
    }})
}
