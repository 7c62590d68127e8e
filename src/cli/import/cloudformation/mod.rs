//! Templates of CloudFormation and SAM, as YAML or JSON.

mod flags;
mod functions;
mod physical;
mod sam;
mod template;

use super::{
    declared::{self, Declared},
    model::{Origin, Place, Resources},
};
use crate::cli::Error;
pub(super) use flags::StackFlags;
use functions::Resolver;
use template::Template;

/// Reads a template.
///
/// # Errors
/// It is no template, or a flag is wrong.
pub(super) fn read(flags: &StackFlags) -> Result<Resources, Error> {
    let stack = flags.stack()?;
    let template = sam::expanded(Template::read(&flags.template)?);
    template.check_parameters(&stack)?;
    let resolver = Resolver::new(&template, &stack);
    let mut all = Vec::new();
    let mut disabled = Vec::new();
    for resource in &template.resources {
        let place = template.place(resource.place);
        let origin = Origin { resource: format!("{} {}", resource.type_, resource.id), place: Some(place) };
        match resource.condition.as_deref().map_or(Ok(true), |condition| resolver.condition(condition, resource.place)) {
            Ok(true) => {}
            Ok(false) => {
                disabled.push((origin, format!("its condition {} is false.", resource.condition.as_deref().unwrap_or_default())));
                continue;
            }
            Err(unresolved) => {
                disabled.push((origin, template.cause(&unresolved)));
                continue;
            }
        }
        let cause = |unresolved| template.cause(&unresolved);
        all.push(Declared {
            origin,
            type_: physical::type_of(&resource.type_).to_owned(),
            name: resolver.name(&resource.id, resource.place).map_err(cause),
            arn: resolver.arn(&resource.id, resource.place).ok(),
            properties: resolver.properties(resource).map_err(cause),
        });
    }
    let place = Place { partition: Some(stack.partition().to_owned()), region: stack.region.clone(), account_id: stack.account_id.clone() };
    let mut resources = declared::collect(all, place);
    disabled.into_iter().for_each(|(origin, reason)| resources.leave_out(&origin, reason));
    Ok(resources)
}
