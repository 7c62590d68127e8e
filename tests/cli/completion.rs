//! `tributary completion`.

use crate::{text, tributary};

#[test]
fn each_shell_gets_the_commands_and_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let output = tributary(&["completion", shell]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{shell}");
        for word in ["put-events", "completion", "require-tests", "junit"] {
            assert!(text(&output.stdout).contains(word), "{shell} does not complete {word}");
        }
    }
    assert_eq!(tributary(&["completion", "csh"]).output().unwrap().status.code(), Some(2));
}
