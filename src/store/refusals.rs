//! Single refusals by limits, written in batches off the request path, and bounded by sweeping. `violations` counts the
//! same per subject and rule.

use super::{Audited, Error, Pool, Store, Tx, on, with_timeout, within};
use crate::model::{DecisionId, LimitRefusal, ViolationSummary};

/// How many one statement writes.
const CHUNK: usize = 500;
/// More than the time between two sweeps: an hour.
const RECENT_US: i64 = 60 * 60 * 1_000_000;

impl Store {
    /// Writes refusals, in one transaction. One that is stored already stays as it is.
    pub async fn add_refusals(&self, refusals: &[LimitRefusal]) -> Result<(), Error> {
        if let Pool::Postgres(_) = &self.pool {
            let mut tx = self.begin().await?;
            for chunk in refusals.chunks(CHUNK) {
                insert_in_postgres(&mut tx, chunk).await?;
            }
            return tx.commit().await;
        }
        let mut tx = self.begin().await?;
        for one in refusals {
            insert(&mut tx, one).await?;
        }
        tx.commit().await
    }

    /// The refusal of this decision, or those of this request; the latest first.
    pub async fn refusals(&self, decision: Option<DecisionId>, request_id: &str) -> Result<Vec<LimitRefusal>, Error> {
        let query = "select id, request_id, subject, rule, counted, at_us, max, used, reserved, requested, retry_after_secs \
                     from limit_refusals where id = $1 or request_id = $2 order by at_us desc limit 100";
        Ok(on!(&self.pool, db => sqlx::query_as(query).bind(decision).bind(request_id).fetch_all(db).await?))
    }

    /// Removes refusals that are too old, and of the rest those beyond a subject's share or the total.
    pub async fn sweep_refusals(&self, now_us: i64) -> Result<(), Error> {
        let old = "delete from limit_refusals where at_us <= $1 \
                   or at_us <= (select at_us from limit_refusals order by at_us desc limit 1 offset $2)";
        let surplus = "delete from limit_refusals where id in (select id from ( \
                           select id, row_number() over (partition by subject, rule order by at_us desc, id desc) as place \
                           from limit_refusals where (subject, rule) in ( \
                               select subject, rule from limit_refusals where at_us > $1)) as placed where place > $2)";
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        on!(&self.pool, db => {
            sqlx::query(old).bind(now_us - ViolationSummary::KEPT_US).bind(count(LimitRefusal::MAX_KEPT)).execute(db).await?;
            sqlx::query(surplus).bind(now_us - RECENT_US).bind(count(LimitRefusal::KEPT_PER_SUBJECT)).execute(db).await?;
        });
        Ok(())
    }
}

async fn insert(tx: &mut Tx, one: &LimitRefusal) -> Result<(), Error> {
    let query = "insert into limit_refusals (id, request_id, subject, rule, counted, at_us, max, used, reserved, requested, \
                 retry_after_secs) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing";
    within!(tx, db => {
        sqlx::query(query)
            .bind(one.id)
            .bind(&one.request_id)
            .bind(&one.subject)
            .bind(&one.rule)
            .bind(&one.counted)
            .bind(one.at_us)
            .bind(one.max)
            .bind(one.used)
            .bind(one.reserved)
            .bind(one.requested)
            .bind(one.retry_after_secs)
            .execute(db)
            .await?;
    });
    Ok(())
}

/// One statement; each refusal is one element of every array.
async fn insert_in_postgres(tx: &mut Tx, refusals: &[LimitRefusal]) -> Result<(), Error> {
    let Tx::Postgres(tx) = tx else { return Ok(()) };
    let query = "insert into limit_refusals (id, request_id, subject, rule, counted, at_us, max, used, reserved, requested, \
                 retry_after_secs) select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], \
                 $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[]) on conflict do nothing";
    let texts = |of: fn(&LimitRefusal) -> &String| refusals.iter().map(|one| of(one).clone()).collect::<Vec<_>>();
    let numbers = |of: fn(&LimitRefusal) -> i64| refusals.iter().map(of).collect::<Vec<_>>();
    let query = sqlx::query(query)
        .bind(refusals.iter().map(|one| one.id).collect::<Vec<_>>())
        .bind(texts(|one| &one.request_id))
        .bind(texts(|one| &one.subject))
        .bind(texts(|one| &one.rule))
        .bind(texts(|one| &one.counted))
        .bind(numbers(|one| one.at_us))
        .bind(numbers(|one| one.max))
        .bind(numbers(|one| one.used))
        .bind(numbers(|one| one.reserved))
        .bind(numbers(|one| one.requested))
        .bind(refusals.iter().map(|one| one.retry_after_secs).collect::<Vec<_>>());
    with_timeout(async { Ok(query.execute(tx).await?) }).await?;
    Ok(())
}

impl Audited {
    /// Removes the refusals of some subjects, or of one rule among them.
    pub(super) async fn forget_refusals(&mut self, subjects: &[String], rule: Option<&str>) -> Result<(), Error> {
        let query = "delete from limit_refusals where subject = $1 and ($2 is null or rule = $2)";
        for subject in subjects {
            within!(&mut self.tx, db => { sqlx::query(query).bind(subject).bind(rule).execute(db).await?; });
        }
        Ok(())
    }

    /// The same of all subjects.
    pub(super) async fn forget_all_refusals(&mut self, rule: Option<&str>) -> Result<(), Error> {
        let query = "delete from limit_refusals where ($1 is null or rule = $1)";
        within!(&mut self.tx, db => { sqlx::query(query).bind(rule).execute(db).await?; });
        Ok(())
    }
}
