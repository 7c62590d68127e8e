//! Metrics of `EventBridge` in CloudWatch: sums per minute, for many rules in one call.

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode};
use aws_smithy_types::DateTime;
use k8s_openapi::jiff::Timestamp;

use tributary_core::{
    delivering::{self, Figures, NAMESPACE, Query, Window},
    error::ReconcileError,
};

use crate::client::{
    request::{non_empty, send},
    session::Session,
};

/// Seconds that each sum is of.
const PERIOD: i32 = 60;
/// Number of pages of one call at which reading ends: more than the data points of its queries need.
const MOST_PAGES: usize = 20;

impl Session {
    /// Reads the metrics. A call takes 500 queries.
    ///
    /// # Errors
    /// Those of the calls, or CloudWatch did not answer a query.
    pub async fn figures(&self, queries: &[Query], window: Window) -> Result<Figures, ReconcileError> {
        let mut figures = Figures::default();
        for queries in delivering::calls(queries) {
            self.read_figures(queries, window, &mut figures).await?;
        }
        Ok(figures)
    }

    async fn read_figures(&self, queries: &[Query], window: Window, figures: &mut Figures) -> Result<(), ReconcileError> {
        let asked: Vec<_> = queries.iter().enumerate().map(|(index, query)| asked(index, query)).collect();
        let mut token = None;
        for _ in 0..MOST_PAGES {
            let request = self
                .cloudwatch
                .get_metric_data()
                .set_metric_data_queries(Some(asked.clone()))
                .start_time(DateTime::from_secs(window.start.as_second()))
                .end_time(DateTime::from_secs(window.end.as_second()))
                .scan_by(ScanBy::TimestampAscending)
                .set_next_token(token);
            let page = send!(self, cloudwatch, GetMetricData, request)?;
            for result in page.metric_data_results.unwrap_or_default() {
                add(&result, queries, figures)?;
            }
            token = non_empty(page.next_token);
            if token.is_none() {
                return Ok(());
            }
        }
        Err(ReconcileError::transient("cloudwatch:GetMetricData returned too many pages"))
    }
}

/// The query as CloudWatch takes it. An id begins with a lower-case letter.
fn asked(index: usize, query: &Query) -> MetricDataQuery {
    let dimensions = query.subject.dimensions().into_iter().map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let metric = Metric::builder().namespace(NAMESPACE).metric_name(query.metric.name()).set_dimensions(Some(dimensions.collect())).build();
    let sum = MetricStat::builder().metric(metric).period(PERIOD).stat("Sum").build();
    MetricDataQuery::builder().id(format!("q{index}")).metric_stat(sum).return_data(true).build()
}

/// Adds one result. Metrics with some data points missing come again, on the next page.
fn add(result: &MetricDataResult, queries: &[Query], figures: &mut Figures) -> Result<(), ReconcileError> {
    let index = result.id().and_then(|id| id.strip_prefix('q')).and_then(|index| index.parse::<usize>().ok());
    let Some(query) = index.and_then(|index| queries.get(index)) else { return Ok(()) };
    if let Some(StatusCode::InternalError | StatusCode::Forbidden) = result.status_code() {
        let code = result.status_code().map_or("", StatusCode::as_str);
        return Err(ReconcileError::transient(format!("cloudwatch:GetMetricData returned {code} for {}", query.metric.name())));
    }
    for (at, sum) in result.timestamps().iter().zip(result.values()) {
        if let Ok(at) = Timestamp::from_second(at.secs()) {
            // Sums of counts are whole numbers.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are small and not negative")]
            figures.add(query, at, sum.round().max(0.0) as u64);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tributary_core::delivering::{Metric as Named, Subject};

    use super::*;

    fn result(id: &str, status: StatusCode, values: &[(i64, f64)]) -> MetricDataResult {
        let (times, values): (Vec<_>, Vec<_>) = values.iter().map(|(at, sum)| (DateTime::from_secs(*at), *sum)).unzip();
        MetricDataResult::builder().id(id).status_code(status).set_timestamps(Some(times)).set_values(Some(values)).build()
    }

    #[test]
    fn answers_are_of_the_query_with_their_id() -> Result<(), ReconcileError> {
        let query = |metric| Query { metric, subject: Subject::Rule { bus: "b".into(), rule: "r".into() } };
        let queries = [query(Named::Delivered), query(Named::Failed)];
        let mut figures = Figures::default();
        for answer in [
            result("q1", StatusCode::Complete, &[(120, 2.0), (60, 1.0), (180, 0.0)]),
            result("q0", StatusCode::PartialData, &[(60, 5.0)]),
            result("q9", StatusCode::Complete, &[(60, 9.0)]),
        ] {
            add(&answer, &queries, &mut figures)?;
        }
        let sums = |query: &Query| {
            figures.series(query.metric, &query.subject).into_iter().map(|(at, sum)| (at.as_second(), sum)).collect::<Vec<_>>()
        };
        assert_eq!(sums(&queries[0]), [(60, 5)]);
        assert_eq!(sums(&queries[1]), [(60, 1), (120, 2)]);
        assert!(add(&result("q0", StatusCode::InternalError, &[]), &queries, &mut figures).is_err());
        Ok(())
    }
}
