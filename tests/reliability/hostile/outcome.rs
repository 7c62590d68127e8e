//! What must hold of a mutated object: rejected with the field named, or Ready, or not Ready for a reason; and Ready again after the way back.

use std::time::{Duration, Instant};

use kube::api::DeleteParams;
use serde_json::Value;
use tributary_testkit::{World, condition, scaled_by_load};

use super::{fixture::apply, mutations::Case};

/// How long an object has to come to an end on an idle machine.
const END: Duration = Duration::from_mins(1);
/// Most AWS calls of one object until its end: far above what any plan needs, far below a loop.
const CALLS: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Refused,
    Ready,
    Because(String),
}

/// An object that is mutated again and again.
pub struct Subject<'a> {
    pub lane: &'a World,
    pub kind: &'static str,
    pub name: String,
    pub seed: Value,
    pub born: usize,
}

impl Subject<'_> {
    /// Makes the object from its seed, under a name that it never had.
    pub async fn make(&mut self) -> Result<(), String> {
        self.make_as(&self.seed.clone()).await.map_err(|error| format!("the seed was refused: {error}"))?;
        self.recovered().await
    }

    async fn make_as(&mut self, spec: &Value) -> Result<(), kube::Error> {
        if self.kind == "AwsAccount" {
            self.name.clone_from(&self.lane.account);
        } else {
            self.born += 1;
            self.name = format!("m{}", self.born);
        }
        apply(self.lane, self.kind, &self.name, spec).await.map(drop)
    }

    /// Waits for the end of the present generation.
    async fn end(&self) -> Result<End, String> {
        let (api, started) = (self.lane.api(self.kind), Instant::now());
        loop {
            let object = api.get_opt(&self.name).await.map_err(|error| error.to_string())?.ok_or("it is gone")?;
            if let Some((status, reason, message)) = condition(&object, "Ready")
                && object.data["status"]["observedGeneration"].as_i64() == object.metadata.generation
            {
                if status == "True" {
                    return Ok(End::Ready);
                }
                // `Applying` is no end: writes are under way.
                if status == "False" && !reason.is_empty() && reason != "Applying" {
                    return if message.len() < 15 {
                        Err(format!("{reason} says no more than {message:?}"))
                    } else {
                        Ok(End::Because(reason))
                    };
                }
            }
            if started.elapsed() > scaled_by_load(END) {
                return Err(format!("no end within {END:?}: generation {:?}, {}", object.metadata.generation, object.data["status"]));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn recovered(&self) -> Result<(), String> {
        let started = Instant::now();
        loop {
            let end = self.end().await?;
            if end == End::Ready {
                return Ok(());
            }
            if started.elapsed() > scaled_by_load(END) {
                let status = self.lane.get(self.kind, &self.name).await.map(|object| object.data["status"]["conditions"][0].clone());
                return Err(format!("back at the seed, not Ready within {END:?}: {end:?} {status:?}"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What all that is being deleted beside it says.
    async fn neighbours(&self) -> String {
        let mut states = vec![];
        for kind in ["EventBus", "EventRule", "EventSink"] {
            let list = self.lane.api(kind).list(&kube::api::ListParams::default()).await.map(|list| list.items).unwrap_or_default();
            let going = list.into_iter().filter(|object| object.metadata.deletion_timestamp.is_some());
            states.extend(going.map(|object| {
                format!("{kind} {}: {}", object.metadata.name.unwrap_or_default(), object.data["status"]["conditions"][0]["message"])
            }));
        }
        states.join("; ")
    }

    async fn delete(&self) -> Result<(), String> {
        let api = self.lane.api(self.kind);
        api.delete(&self.name, &DeleteParams::default()).await.map_err(|error| error.to_string())?;
        let started = Instant::now();
        while let Some(object) = api.get_opt(&self.name).await.map_err(|error| error.to_string())? {
            if started.elapsed() > scaled_by_load(END) {
                return Err(format!(
                    "not gone within {END:?}: {}; beside it {}",
                    object.data["status"]["conditions"][0],
                    self.neighbours().await
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// One mutated spec, and the end of it. What is immutable is tried on an object made anew.
    pub async fn mutate(&mut self, case: &Case) -> Result<End, String> {
        let mark = self.lane.aws.mark().await;
        let end = match apply(self.lane, self.kind, &self.name, &case.spec).await {
            Ok(_) => self.end().await?,
            Err(kube::Error::Api(status)) if immutable(&status.message) => {
                self.delete().await.map_err(|why| format!("deleting the seed: {why}"))?;
                match self.make_as(&case.spec).await {
                    Ok(()) => {
                        let end = self.end().await?;
                        self.delete().await.map_err(|why| format!("deleting the mutated: {why}"))?;
                        self.make().await?;
                        end
                    }
                    Err(error) => {
                        self.make().await?;
                        refused(case, &error)?
                    }
                }
            }
            Err(error) => refused(case, &error)?,
        };
        let calls = self.lane.aws.journal(mark).await.0.len();
        if calls > CALLS { Err(format!("{calls} AWS calls until {end:?}")) } else { Ok(end) }
    }

    /// One change of the living object, and its end; `None`: refused.
    pub async fn step(&mut self, case: &Case) -> Result<Option<End>, String> {
        match apply(self.lane, self.kind, &self.name, &case.spec).await {
            Ok(_) => self.end().await.map(Some),
            Err(kube::Error::Api(_)) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The way back to the seed.
    pub async fn roll_back(&mut self) -> Result<(), String> {
        apply(self.lane, self.kind, &self.name, &self.seed).await.map_err(|error| format!("the way back is refused: {error}"))?;
        self.recovered().await
    }

    /// There and back.
    pub async fn trial(&mut self, case: &Case) -> Result<End, String> {
        let end = self.mutate(case).await?;
        self.roll_back().await.map_err(|why| format!("after {end:?}: {why}"))?;
        Ok(end)
    }
}

fn immutable(message: &str) -> bool {
    message.contains("immutable")
}

/// A refusal is an end if it says where.
fn refused(case: &Case, error: &kube::Error) -> Result<End, String> {
    let kube::Error::Api(status) = error else { return Err(format!("no answer of the API server: {error}")) };
    let named = case.fields.iter().any(|field| status.message.contains(field.as_str())) || case.fields.is_empty();
    // Server-side apply answers a wrong type with 500, and a word on where.
    let client_error = (400..500).contains(&status.code) || status.message.contains("failed to create typed patch object");
    if !client_error || !status.message.contains("spec") || !named {
        return Err(format!("refused without a word on where: {} {}", status.code, status.message));
    }
    Ok(End::Refused)
}
