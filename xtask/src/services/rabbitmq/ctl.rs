//! A script that is rabbitmqctl for one node, for tests that break things.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::services::env_file::{EnvFile, quoted};

/// Where the script is in a node's home.
pub(crate) fn script(home: &Path) -> PathBuf {
    home.join("rabbitmqctl")
}

/// Writes the script: the real tool, with the node's environment and nothing else.
pub(crate) fn write(home: &Path, tool: &Path, environment: &EnvFile) -> Result<(), Error> {
    let script = script(home);
    let text = text(tool, environment);
    fs::write(&script, text).map_err(Error::io("write", &script))?;
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&script, executable).map_err(Error::io("make executable", &script))
}

fn text(tool: &Path, environment: &EnvFile) -> String {
    let words: Vec<_> = environment.assignments().collect();
    let tool = quoted(&tool.to_string_lossy());
    format!("#!/bin/sh\nexec env -i {} {tool} \"$@\"\n", words.join(" "))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::process;

    #[test]
    fn the_tool_sees_the_nodes_environment_only() -> Result<(), Box<dyn std::error::Error>> {
        let home = tempfile::tempdir()?;
        let environment = [("A", "a value"), ("B", "2")].into_iter().collect();
        write(home.path(), Path::new("/usr/bin/env"), &environment)?;
        let output = process::output(&mut Command::new(script(home.path())))?;
        assert_eq!(String::from_utf8(output)?, "A=a value\nB=2\n");
        Ok(())
    }
}
