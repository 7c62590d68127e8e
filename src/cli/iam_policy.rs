//! `tributary iam-policy`: the least policy for the features that are used, with names filled in.

use clap::Args;

use tributary_core::iam_policy::{self, FEATURES, Feature, Place};

use crate::cli::Error;

/// What AWS takes of a managed policy, blanks not counted (IAM user guide, "IAM and AWS STS quotas").
const LONGEST: usize = 6144;

#[derive(Args, Debug)]
pub struct IamPolicy {
    /// Features, by name; none: a list of them.
    features: Vec<String>,
    /// Account to work in.
    #[arg(long, default_value = "111122223333", value_parser = account_id)]
    account_id: String,
    #[arg(long, default_value = "eu-west-1")]
    region: String,
    #[arg(long, default_value = "aws")]
    partition: String,
    /// What names in AWS begin with: `<namespace>-` where specs name none.
    #[arg(long, default_value = "")]
    prefix: String,
}

fn account_id(text: &str) -> Result<String, String> {
    let good = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if good { Ok(text.to_owned()) } else { Err("an account id has 12 digits".into()) }
}

fn feature(name: &String) -> Result<&'static Feature, Error> {
    let found = FEATURES.iter().find(|feature| feature.name == name);
    found.ok_or_else(|| {
        let nearest = FEATURES.iter().map(|feature| feature.name).max_by(|a, b| strsim::jaro(name, a).total_cmp(&strsim::jaro(name, b)));
        format!("there is no feature {name:?}. Nearest: {}. `tributary iam-policy` lists them", nearest.unwrap_or_default()).into()
    })
}

impl IamPolicy {
    pub fn run(self) -> Result<(), Error> {
        if self.features.is_empty() {
            for feature in FEATURES {
                println!("{:22}{}", feature.name, feature.about);
            }
            println!("\nName those that you use: tributary iam-policy buses rules queues --account-id 111122223333 --prefix orders-");
            return Ok(());
        }
        let features = self.features.iter().map(feature).collect::<Result<Vec<_>, _>>()?;
        let place = Place { partition: self.partition, region: self.region, account_id: self.account_id, prefix: self.prefix };
        let text = iam_policy::document(features, &place)?;
        println!("{text}");
        if text.contains("NAME") {
            eprintln!("Put in the names of your own resources for NAME.");
        }
        let long = text.chars().filter(|c| !c.is_whitespace()).count();
        if long > LONGEST {
            eprintln!("{long} characters without blanks are more than AWS takes in one managed policy ({LONGEST}). Make two of it.");
        }
        Ok(())
    }
}
