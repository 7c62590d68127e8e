//! `tributary iam-policy`: the minimal policy for the features in use.

use clap::Args;

use tributary_core::iam_policy::{self, FEATURES, Feature, MAX_POLICY_SIZE, Place};

use crate::cli::Error;

#[derive(Args, Debug)]
pub(super) struct IamPolicy {
    /// Names of features. Lists all features if there are none.
    features: Vec<String>,
    /// Account id.
    #[arg(long, default_value = "111122223333", value_parser = account_id)]
    account_id: String,
    /// AWS Region.
    #[arg(long, default_value = "eu-west-1")]
    region: String,
    /// AWS partition.
    #[arg(long, default_value = "aws")]
    partition: String,
    /// Prefix of the names in AWS. Names that are not set in a spec start with `<namespace>-`.
    #[arg(long, default_value = "")]
    prefix: String,
}

fn account_id(text: &str) -> Result<String, String> {
    let good = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if good { Ok(text.to_owned()) } else { Err("must have 12 digits".into()) }
}

fn feature(name: &String) -> Result<&'static Feature, Error> {
    let found = FEATURES.iter().find(|feature| feature.name == name);
    found.ok_or_else(|| {
        let nearest = FEATURES.iter().map(|feature| feature.name).max_by(|a, b| strsim::jaro(name, a).total_cmp(&strsim::jaro(name, b)));
        format!("unknown feature {name:?}. Similar: {}. Run `tributary iam-policy` to list all features.", nearest.unwrap_or_default())
            .into()
    })
}

impl IamPolicy {
    pub(super) fn run(self) -> Result<(), Error> {
        if self.features.is_empty() {
            for feature in FEATURES.iter() {
                println!("{:22}{}", feature.name, feature.about);
            }
            println!(
                "\nSpecify the features that you use: tributary iam-policy buses rules queues --account-id 111122223333 --prefix orders-"
            );
            return Ok(());
        }
        let features = self.features.iter().map(feature).collect::<Result<Vec<_>, _>>()?;
        let place = Place { partition: self.partition, region: self.region, account_id: self.account_id, prefix: self.prefix };
        let documents = iam_policy::documents(features, &place)?;
        for text in &documents {
            println!("{text}");
        }
        if documents.iter().any(|text| text.contains("NAME")) {
            eprintln!("Replace NAME with the names of your resources.");
        }
        if documents.len() > 1 {
            eprintln!(
                "These are {} policies: AWS allows {MAX_POLICY_SIZE} characters without white space in a managed policy. Attach all of them to the role.",
                documents.len()
            );
        }
        Ok(())
    }
}
