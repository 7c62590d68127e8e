//! A command of the binary that exits, as a user runs it.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{aws::REGION, binary::executable, world::World};

/// What a command printed.
#[derive(Debug)]
pub struct Output {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Output {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

impl World {
    /// A command with the cluster admin's kubeconfig, and with credentials of the world's AWS account in the environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(executable());
        command.args(arguments).env_remove("NO_COLOR").env("KUBECONFIG", self.kubeconfig()).envs([
            ("AWS_ACCESS_KEY_ID", self.aws.account.as_str()),
            ("AWS_SECRET_ACCESS_KEY", "canary-7Qm2"),
            ("AWS_REGION", REGION),
            ("AWS_ENDPOINT_URL", &self.aws.endpoint),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]);
        command
    }

    /// Runs a command to its end with this standard input, while the operator of the world goes on.
    pub async fn run_command(&self, mut command: Command, input: &str) -> Output {
        let input = input.to_owned();
        let run = move || {
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            // A command that does not read its input may have ended.
            let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
            let output = child.wait_with_output().unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            Output { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// Runs the binary with these arguments, as [`Self::command`] does.
    pub async fn tributary(&self, arguments: &[&str]) -> Output {
        self.run_command(self.command(arguments), "").await
    }
}
