//! Every row of a question, page by page, none left out whatever the server cuts.

use crate::source::supabase::{Query, RestClient, SupabaseError, table::row::WireRow};

/// Rows asked for at once. A server may give fewer, and says so nowhere.
const PAGE: usize = 1000;
const SMALLEST_PAGE: usize = 25;

/// What pages are told apart by.
pub struct PageOrder<'a> {
    /// A unique column. Only the database knows its order.
    pub column: &'a str,
    /// Its value in a row.
    pub of: fn(&WireRow) -> Option<String>,
    /// Only rows beyond.
    pub after: Option<String>,
}

/// Rows of `query` in the order of `by`, until a page is empty: a page that is merely short may
/// have been cut. Some may come twice. The last value of `by` comes back too.
pub async fn every(
    client: &RestClient,
    query: &Query,
    mut by: PageOrder<'_>,
    mut each: impl FnMut(WireRow),
) -> Result<Option<String>, SupabaseError> {
    let mut limit = PAGE;
    loop {
        let mut page = query
            .clone()
            .with("order", &format!("{}.asc", by.column))
            .with("limit", &limit.to_string());
        if let Some(after) = &by.after {
            page = page.with(by.column, &format!("gt.{after}"));
        }
        let rows = match client.rows::<WireRow>(&page).await {
            Err(error) if error.is_too_much() && limit > SMALLEST_PAGE => {
                limit /= 2;
                continue;
            }
            rows => rows?,
        };
        let Some(last) = rows.last() else {
            return Ok(by.after);
        };
        let last = (by.of)(last).ok_or_else(|| damaged("a row lacks what it is known by"))?;
        if by.after.as_ref() == Some(&last) {
            return Err(damaged("the same page came twice"));
        }
        by.after = Some(last);
        rows.into_iter().for_each(&mut each);
    }
}

fn damaged(why: &str) -> SupabaseError {
    SupabaseError::Damaged {
        why: why.to_owned(),
    }
}
