//! The operator as a process behind a custom CA bundle: a private authority, and a TLS endpoint in front of the stand-in. A fault that was
//! measured in the strongest peer.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::json;
use tributary_testkit::{Bed, World, assert_not_ready, aws_name, merged};

/// Ends with the test, whatever its outcome.
struct Part(Child);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority and a certificate for 127.0.0.1.
fn certificates(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("san"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    openssl(folder, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=tributary-test-authority");
    openssl(folder, "req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=127.0.0.1");
    openssl(folder, "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out cert.pem");
}

const TERMINATOR: &str = r#"
import socket, ssl, sys, threading
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain("cert.pem", "key.pem")
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def pump(a, b):
    try:
        while data := a.recv(65536): b.sendall(data)
    except OSError: pass
    for s in (a, b):
        try: s.shutdown(socket.SHUT_RDWR)
        except OSError: pass
def serve(raw):
    try: client = context.wrap_socket(raw, server_side=True)
    except OSError: return
    upstream = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    threading.Thread(target=pump, args=(client, upstream), daemon=True).start()
    pump(upstream, client)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"#;

fn terminator(folder: &Path, upstream: &str) -> (Part, String) {
    use std::io::BufRead;
    let port = upstream.rsplit(':').next().unwrap().trim_end_matches('/');
    let mut command = Command::new("python3");
    command.args(["-c", TERMINATOR, port]).current_dir(folder).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Part(child), format!("https://127.0.0.1:{}", line.trim()))
}

fn operator(world: &World, bundle: Option<&Path>) -> Part {
    let mut command = Command::new(tributary_testkit::executable());
    command.args(["run", "--listen", "127.0.0.1:0", "--installation-id", "e2e", "--watch-namespaces", &world.namespace]);
    command.args(["--leader-elect", "false"]);
    command.env("KUBECONFIG", &Bed::get().kubeconfig).env_remove("AWS_CA_BUNDLE").stderr(Stdio::null());
    if let Some(bundle) = bundle {
        command.env("AWS_CA_BUNDLE", bundle);
    }
    Part(command.spawn().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custom_ca_bundle_is_trusted_and_the_error_without_it_names_the_flag() {
    let world = World::empty("tls").await;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&world.namespace);
    certificates(&folder);
    let (_terminator, endpoint) = terminator(&folder, &world.aws.endpoint);
    world.apply_account(merged(world.account_spec(), json!({"endpoint": endpoint}))).await;
    world.apply("EventBus", "bus", json!({})).await;

    let without = operator(&world, None);
    assert_not_ready(&world, "EventBus", "bus", "Unavailable", false, &["certificate", "--aws-ca-bundle", "AWS_CA_BUNDLE"]).await;
    assert_eq!(world.aws.journal(0).await.0.len(), 0);
    drop(without);

    let _with = operator(&world, Some(&folder.join("ca.pem")));
    world.ready("EventBus", "bus").await;
    world.aws.events("DescribeEventBus", json!({"Name": aws_name(&world, "bus")})).await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn an_invalid_ca_bundle_is_rejected_at_startup() {
    for (path, part) in [("/nonexistent/ca.pem", "--aws-ca-bundle /nonexistent/ca.pem"), ("/dev/null", "no PEM certificate")] {
        let mut command = Command::new(tributary_testkit::executable());
        command.args(["run", "--listen", "127.0.0.1:0", "--aws-ca-bundle", path]);
        // No cluster is needed to say so.
        command.env("KUBECONFIG", "/nonexistent/kubeconfig").env_remove("KUBERNETES_SERVICE_HOST");
        let output = command.output().unwrap();
        assert!(!output.status.success());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(part), "{path}: {told}");
    }
}
