//! The connection of a replica to the API server. It can be cut as a network partition does: connections stay open, and nothing comes through.

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub struct Link {
    pub port: u16,
    cut: watch::Sender<bool>,
}

impl Link {
    /// To a port of loopback.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (cut, is_cut) = watch::channel(false);
        let link = Self { port: listener.local_addr().unwrap().port(), cut };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(pass(near, port, is_cut.clone()));
            }
        });
        link
    }

    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// What was open during the cut is closed now: the other side forgot it.
    pub fn mend(&self) {
        self.cut.send_replace(false);
    }
}

async fn pass(mut near: TcpStream, port: u16, mut cut: watch::Receiver<bool>) {
    let mut hidden = cut.clone();
    let pass = async {
        if !*cut.borrow_and_update()
            && let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await
        {
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => return,
                _ = cut.wait_for(|cut| *cut) => {}
            }
        }
        // Silence, with both ends open, until it is mended.
        let _ = cut.wait_for(|cut| !*cut).await;
    };
    // The end of the test ends all.
    let ended = async { while hidden.changed().await.is_ok() {} };
    tokio::select! { () = pass => {}, () = ended => {} }
}
