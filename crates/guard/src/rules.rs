//! The signs, each a pattern with its points. They are read over normalised text without invisible characters.

use regex::{Regex, RegexBuilder};
use std::sync::LazyLock;

/// What one pattern may take when it is compiled; one that takes more is a mistake, and its test says so.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// What one pattern may take besides, on each thread that reads with it.
const CACHE_BYTES_MAX: usize = 128 << 10;

/// One sign.
pub(crate) struct Rule {
    pub pattern: Regex,
    pub points: u32,
    pub sign: &'static str,
}

/// Pattern, points, sign in words. Three points are enough by themselves. What may stand between two words is said by
/// what may not: the letters of all scripts, repeated, make patterns that take megabytes each.
const SIGNS: [(&str, u32, &str); 16] = [
    (
        r#"\b(ignore|disregard|forget|override|bypass|discard|neglect)\b[^.;:!?(){}<>"|]{0,30}\b(previous|prior|above|earlier|preceding|former|existing|all|your|system|initial|original)\b[^.;:!?(){}<>"|]{0,30}\b(instructions?|prompts?|rules?|directions?|guidelines?|commands?|directives?|restrictions?|programming)\b"#,
        3,
        "it asks to ignore instructions",
    ),
    (
        r#"\b(ignoriere?|vergiss|missachte)\b[^.;:!?(){}<>"|]{0,40}\b(anweisung(en)?|regeln|befehle|vorgaben)\b"#,
        3,
        "it asks to ignore instructions",
    ),
    (
        r#"\b(ignore[zr]?|oublie[zr]?)\b[^.;:!?(){}<>"|]{0,40}\b(instructions?|consignes?|r[eè]gles?)\b[^.;:!?(){}<>"|]{0,20}\bpr[eé]c[eé]dentes?\b"#,
        3,
        "it asks to ignore instructions",
    ),
    (
        r#"\b(ignora|ignore|olvida|descarta)\b[^.;:!?(){}<>"|]{0,40}\b(instrucciones|[oó]rdenes|reglas|instru[cç][oõ]es|istruzioni)\b"#,
        3,
        "it asks to ignore instructions",
    ),
    (
        r"<\|[a-z_]{2,20}\|>|\[/?INST\]|<</?SYS>>|<(start|end)_of_turn>|<｜[^｜]{1,30}｜>",
        3,
        "it holds tokens of a chat template",
    ),
    (
        r"</?(system|instructions?|important|admin|developer|user_data|tool_call|function_calls?|assistant|sys)\b[^>]{0,40}>",
        2,
        "it holds tags of a prompt",
    ),
    (
        r#"\b(do not|don'?t|never|without)\b[^.;:!?(){}<>"|]{0,20}\b(tell(ing)?|inform(ing)?|mention(ing)?|alert(ing)?|notify(ing)?|ask(ing)?|reveal(ing)?)\b[^.;:!?(){}<>"|]{0,20}\b(the )?(user|owner|human)\b"#,
        2,
        "it asks to hide something from the owner",
    ),
    (
        r"\b(send|forward|e-?mail|transmit|post|upload|share|leak|exfiltrate|report|give)\b[^.\n]{0,80}\b(passwords?|api[ -_]?keys?|credentials?|private keys?|secret keys?|access tokens?|ssh keys?|2fa|one-time codes?|system prompt)\b",
        2,
        "it asks for secrets to be sent",
    ),
    (
        r"\b(new|updated|real|actual|following|secret|hidden|special)\s+(system\s+)?(instructions?|directives?|objectives?)\s*:",
        2,
        "it announces new instructions",
    ),
    (
        r"\b(system|developer)\s+(prompt|message|override|instructions?)\b|\bdeveloper mode\b|\bjail\s?break|\bprompt injection\b",
        1,
        "it speaks of a model's prompt",
    ),
    (
        r#"\b(you are|you're|act as|pretend (to be|you are)|from now on,? you|roleplay as)\b[^.;:!?(){}<>"|]{0,40}\b(ai|assistant|chat ?bot|language model|llm|dan|unrestricted|uncensored|no longer|root|admin)\b"#,
        2,
        "it gives a model another role",
    ),
    (
        r"\b(dear|hello|hi|hey|attention|note to|message (to|for)|instructions? (to|for))[,:]?\s+(the\s+)?(ai|llm|assistant|language model|chat ?bot|agent|gpt|claude|gemini)\b",
        2,
        "it speaks to a model",
    ),
    (
        r#"\b(ai|llm|language model|assistant|agent|chat ?bot)s?\b[^.;:!?(){}<>"|]{0,30}\b(must|should|needs? to|has to|have to|is required to|shall)\b"#,
        1,
        "it says what a model must do",
    ),
    (
        r"\b(before|prior to|instead of)\s+(you\s+)?(continu|answer|proceed|respond|complet|summari[sz])",
        1,
        "it wants something done first or instead",
    ),
    (
        r"\b(first|then|now|please)\b[^.\n]{0,20}\b(call|invoke|execute|run|use)\b[^.\n]{0,20}\b(tool|function|command|api)\b",
        1,
        "it wants a tool used",
    ),
    (
        r"!\[[^\]]{0,100}\]\(https?://[^)\s?&=]{1,200}[?&=]",
        1,
        "it holds a picture whose address carries data",
    ),
];

/// All signs, compiled once.
pub(crate) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    SIGNS
        .iter()
        .filter_map(|(pattern, points, sign)| {
            let pattern = RegexBuilder::new(pattern)
                .case_insensitive(true)
                .size_limit(PATTERN_BYTES_MAX)
                .dfa_size_limit(CACHE_BYTES_MAX)
                .build()
                .ok()?;
            Some(Rule { pattern, points: *points, sign })
        })
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(RULES.len(), SIGNS.len());
    }
}
