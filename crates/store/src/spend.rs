//! What models cost, by model and day.

use crate::row::{column, integer, number, parsed};
use crate::{Error, Tx};
use domain::{ModelName, Timestamp, Usage};
use rusqlite::{Row, params};

const MILLISECONDS_PER_DAY: u64 = 24 * 60 * 60 * 1000;

/// What one model cost on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    /// The model.
    pub model: ModelName,
    /// Days since 1970, UTC.
    pub day: u64,
    /// How often it was asked.
    pub calls: u64,
    /// Tokens that went in.
    pub input_tokens: u64,
    /// Tokens that came out.
    pub output_tokens: u64,
    /// Millionths of the configured currency.
    pub cost_micros: u64,
}

impl Tx<'_> {
    /// Adds one call to a model's day, and returns the day's sum.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn add_spend(
        &self,
        model: &ModelName,
        usage: Usage,
        cost_micros: u64,
        now: Timestamp,
    ) -> Result<Spend, Error> {
        let day = now.0 / MILLISECONDS_PER_DAY;
        self.change(
            "INSERT INTO spend (model, day, calls, input_tokens, output_tokens, cost_micros) VALUES (?1, ?2, 1, ?3, ?4, ?5)
             ON CONFLICT (model, day) DO UPDATE SET calls = calls + 1, input_tokens = input_tokens + ?3,
               output_tokens = output_tokens + ?4, cost_micros = cost_micros + ?5",
            params![
                model.as_str(),
                integer(day),
                integer(usage.input_tokens),
                integer(usage.output_tokens),
                integer(cost_micros),
            ],
        )?;
        let sql = "SELECT * FROM spend WHERE model = ?1 AND day = ?2";
        let sum = self.row(sql, params![model.as_str(), integer(day)], read)?;
        sum.ok_or_else(|| Error::NotFound { what: "spend", id: model.to_string() })
    }

    /// What every model cost on each day from that of `from` to that of `to`, both included, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn spend(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Spend>, Error> {
        let sql = "SELECT * FROM spend WHERE day BETWEEN ?1 AND ?2 ORDER BY day, model";
        let days = [from, to].map(|time| integer(time.0 / MILLISECONDS_PER_DAY));
        self.rows(sql, days, read)
    }
}

fn read(row: &Row<'_>) -> Result<Spend, Error> {
    let of: String = column(row, "model")?;
    Ok(Spend {
        model: parsed(row, "model", &of)?,
        day: number(row, "day")?,
        calls: number(row, "calls")?,
        input_tokens: number(row, "input_tokens")?,
        output_tokens: number(row, "output_tokens")?,
        cost_micros: number(row, "cost_micros")?,
    })
}
