//! What each turn of the agent is made with: standing instructions, tools, model, limits, and the session's delimiter.

use crate::home::{AGENTS, Home, SOUL};
use crate::start_error::StartError;
use crate::state::HouseState;
use agent::Delimiter;
use domain::{SessionId, Timestamp};
use models::Registry;
use std::sync::Arc;

/// Gives each session its delimiter.
pub(crate) type Delimiters = Box<dyn Fn(&SessionId) -> Delimiter + Send + Sync>;

/// What the settings of a turn are made of.
pub(crate) struct TurnParts {
    pub(crate) standing: String,
    pub(crate) catalog: Arc<tools::Catalog>,
    pub(crate) state: Arc<HouseState>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) limits: agent::Limits,
    /// Whether `[agent]` asks for plans.
    pub(crate) plan: bool,
    pub(crate) delimiters: Arc<Delimiters>,
}

impl TurnParts {
    pub(crate) fn settings(&self, session: &SessionId) -> agent::Settings {
        let model = self.registry.model(&self.state.model);
        let window = model.map_or(0, models::Model::context_tokens);
        let isolation = self.state.text_isolation;
        let mut tools = self.catalog.schema_for_model(|_| true);
        if isolation == domain::TextIsolation::Strict && self.registry.extracts(&self.state.model) {
            tools.push(tools::extract_schema());
        }
        agent::Settings {
            system: self.standing.clone(),
            tools,
            model: self.state.model.clone(),
            context_tokens: usize::try_from(window).unwrap_or(usize::MAX),
            answer_tokens_max: model.map_or(0, models::Model::answer_tokens),
            delimiter: (self.delimiters)(session),
            limits: self.limits,
            planning: if self.plan && self.registry.plans(&self.state.model) {
                agent::Planning::First
            } else {
                agent::Planning::Never
            },
            isolation,
        }
    }
}

pub(crate) fn standing_text(home: &Home) -> Result<String, StartError> {
    Ok(format!("{}\n\n{}", home.standing_text(SOUL)?, home.standing_text(AGENTS)?))
}

/// The date and time of this machine, in words.
pub(crate) fn today(now: Timestamp) -> String {
    let zone = jiff::tz::TimeZone::system();
    let shown = i64::try_from(now.0).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    shown.map_or_else(String::new, |at| at.to_zoned(zone).strftime("%A, %Y-%m-%d %H:%M %Z").to_string())
}

/// Draws 16 hexadecimal digits at a time.
pub(crate) fn drawer(random: &gateway::Random) -> Result<Arc<dyn Fn() -> String + Send + Sync>, StartError> {
    random(&mut [0_u8; 1]).map_err(StartError::Random)?;
    let random = Arc::clone(random);
    Ok(Arc::new(move || {
        let mut bytes = [0_u8; 8];
        // Without randomness there is no id: an empty one is refused wherever it is parsed.
        match random(&mut bytes) {
            Ok(()) => format!("{:016x}", u64::from_le_bytes(bytes)),
            Err(_no_randomness) => "?".to_string(),
        }
    }))
}

/// A delimiter for each session, that nobody outside this process can guess.
pub(crate) fn delimiters(random: &gateway::Random) -> Result<Delimiters, StartError> {
    let mut key = [0_u8; 32];
    random(&mut key).map_err(StartError::Random)?;
    let of = move |session: &str| {
        blake3::keyed_hash(&key, session.as_bytes()).to_hex().as_str().chars().take(24).collect::<String>()
    };
    // Parsed once here: 24 hexadecimal digits always are a delimiter.
    Delimiter::parse(&of(""))?;
    let fallback = Delimiter::parse(&of("fallback"))?;
    Ok(Box::new(move |session| {
        Delimiter::parse(&of(session.as_str())).unwrap_or_else(|_never| fallback.clone())
    }))
}
