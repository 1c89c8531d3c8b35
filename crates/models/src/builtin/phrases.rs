//! Plain phrases: each pattern covers a whole sentence, so that half a sentence is never taken for a wish.

use super::command::{Mail, Wish, find, unquoted, whole_url};
use regex::{Captures, Regex, RegexBuilder};
use std::sync::LazyLock;

/// The longest text that is read as a phrase, in bytes: patterns are for sentences.
const PHRASE_BYTES_MAX: usize = 300;

/// What people put around a wish.
const BEFORE: &str = r"(?:(?:hi|hey|hello|ok|okay|please|pls|now|so|and|hardshell|can you|could you|would you|will you|i want you to|i'd like you to|i want to|let's|kindly|quickly|just)[\s,:!]+)*";
const AFTER: &str = r"(?:[\s,]+(?:please|pls|for me|now|right now|today|at the moment|again|quickly|thanks|thank you|hardshell))*\s*[.?!]*";
const SHOW: &str = r"(?:check|show|show me|see|get|get me|give me|view|display|print|report|tell me|look at|look up|what is|what's|whats|what are|how is|how's|how are)";
const HOST: &str = r"(?:https?://\S+?|localhost(?::\d{1,5})?(?:/\S*?)?|(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9](?::\d{1,5})?(?:/\S*?)?)";
const MACHINE: &str = r"(?:(?:this|the|my|our) (?:machine|server|host|box|computer|pc|laptop|system|vps))";
const MAILS: &str = r"(?:e-?mails?|mails?|inbox|mailbox|messages?)";
const UP: &str =
    r"(?:up|down|online|offline|reachable|alive|working|responding|available|live)(?: and running)?";

type Meaning = fn(&Captures) -> Wish;

static PHRASES: LazyLock<Vec<(Regex, Meaning)>> = LazyLock::new(|| {
    patterns()
        .into_iter()
        .filter_map(|(pattern, meaning)| {
            let whole = format!("^{BEFORE}(?:{pattern}){AFTER}$");
            // A pattern that did not compile would be missing, which the table of phrases in the tests shows.
            let regex = RegexBuilder::new(&whole).case_insensitive(true).build().ok()?;
            Some((regex, meaning))
        })
        .collect()
});

/// `run ls -l`: whatever follows is a command line, unless it goes on like English.
static RUN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let whole =
        format!(r"^{BEFORE}(?:run|execute)(?: the command)?:? (?P<command>[a-z0-9_./-]+(?: .+?)?){AFTER}$");
    RegexBuilder::new(&whole).case_insensitive(true).build().ok()
});

/// Words that a command line does not begin with.
const NOT_PROGRAMS: &[&str] = &[
    "the", "a", "an", "it", "this", "that", "these", "those", "my", "our", "some", "all", "away", "out",
    "over", "into", "for", "me",
];

fn patterns() -> Vec<(String, Meaning)> {
    host().into_iter().chain(net()).chain(talk()).chain(files()).collect()
}

/// What `text` wishes for, if it is one of the phrases.
pub(super) fn read(text: &str) -> Option<Wish> {
    if text.len() > PHRASE_BYTES_MAX {
        return None;
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace(['’', '‘'], "'");
    PHRASES
        .iter()
        .find_map(|(regex, meaning)| regex.captures(&text).map(|captures| meaning(&captures)))
        .or_else(|| run(&text))
}

fn run(text: &str) -> Option<Wish> {
    let command = needed(&RUN.as_ref()?.captures(text)?, "command");
    let first = command.split(' ').next()?.to_lowercase();
    (!NOT_PROGRAMS.contains(&first.as_str())).then_some(Wish::Run(command))
}

fn part(captures: &Captures, name: &str) -> Option<String> {
    let part = captures.name(name)?.as_str().trim();
    (!part.is_empty()).then(|| unquoted(part).to_string())
}

fn needed(captures: &Captures, name: &str) -> String {
    part(captures, name).unwrap_or_default()
}

/// This machine.
fn host() -> Vec<(String, Meaning)> {
    let disk = r"(?:(?:hard )?(?:disks?|drives?)|storage|file ?systems?)";
    let load = r"(?:cpu|processor|load|system load|memory|ram|memory usage|swap|system resources|resources)";
    vec![
        (
            format!(r"(?:{SHOW} )?(?:(?:the|my|our|all|current|this machine's|free) )*{disk}(?: (?:usage|use|space|free|left|status|doing|looking|capacity))*(?: (?:on|of) {MACHINE})?"),
            |_| Wish::Disk,
        ),
        (
            format!(r"how much (?:free )?(?:{disk} )?(?:space|room|storage|{disk})(?: (?:is|do i|do we|have i|have we|there|there is|is there))*(?: (?:left|free|available|have|got|remaining|used|taken))*(?: (?:on|of) {MACHINE}| on the {disk})?"),
            |_| Wish::Disk,
        ),
        (format!(r"(?:how full (?:is|are) (?:the |my |our )?{disk}|(?:is|are) (?:the |my |our )?{disk} (?:almost |nearly |getting )?full|(?:am i|are we|is {MACHINE}) running out of (?:{disk} )?space|df(?: -h)?)"), |_| Wish::Disk),
        (format!(r"(?:{SHOW} )?(?:(?:the|my|our|current) )*{load}(?: (?:usage|use|status|looking|doing))*(?: (?:on|of) {MACHINE})?"), |_| Wish::Load),
        (format!(r"how (?:busy|loaded|healthy) is {MACHINE}|how is {MACHINE}(?: doing)?|how much (?:free )?(?:memory|ram) (?:is|do i|do we)?(?: ?(?:there|have|left|free|used|available))*|(?:how long has {MACHINE} been (?:up|running))|uptime"), |_| Wish::Load),
        (r"(?:(?:what|which process(?:es)?|which programs?)(?:'s| is| are)?|what's) (?:using|eating|hogging|taking)(?: up)?(?: the most| most of| all)?(?: of)?(?: the| my| our)? ?(?:memory|ram|cpu|resources)".to_string(), |_| Wish::Processes),
        (format!(r"(?:{SHOW} |list )?(?:(?:the|all|my|running|top|busiest) )*processes(?: (?:on|of) {MACHINE})?|what is running(?: on {MACHINE})?|top"), |_| Wish::Processes),
        (format!(r"(?:{SHOW} |list )?(?:(?:the|all|my|running|failed|broken) )*(?:system )?services(?: (?:on|of) {MACHINE})?|(?:which|what) services (?:are|have|is)?(?: ?(?:running|failed|down|up|broken|not running))+|(?:are|have) any services (?:failed|down|broken)"), |_| Wish::Services(None)),
        (r"(?:is|check (?:if|whether)) (?:the )?(?:service )?(?P<name>[a-z][a-z0-9@_-]{1,60})(?: service)?(?: is)? (?:running|active|started|stopped|failed)".to_string(), |c| Wish::Services(part(c, "name"))),
        (format!(r"(?:{SHOW} |list )?(?:(?:the|my|last|latest|recent|new|system) )*(?:logs?|syslog|journal)(?: (?:of|for|from) (?:the )?(?P<unit>[a-z0-9][a-z0-9@._/-]{{0,80}}?)(?: service)?)?(?: on {MACHINE})?"), |c| Wish::Logs(part(c, "unit"))),
        (r"(?:show |show me |check )?(?:the )?(?P<unit>[a-z0-9][a-z0-9@._-]{1,60}) logs".to_string(), |c| Wish::Logs(part(c, "unit"))),
        (format!(r"(?:{SHOW} |list )?(?:(?:the|my|all|open|listening) )*ports(?: (?:on|of) {MACHINE})?|(?:which|what) ports (?:are|is|does {MACHINE})?(?: ?(?:open|listening|used|in use|listen|have open))+(?: on {MACHINE})?|(?:what|who) is listening(?: on {MACHINE})?|what's listening"), |_| Wish::Ports),
    ]
}

/// The net.
fn net() -> Vec<(String, Meaning)> {
    let url = r"(?P<url>https?://\S+?)";
    vec![
        (
            format!(
                r"is (?:the )?(?:site |website |server |page |web ?site )?(?P<host>{HOST}) (?:still |currently |back )?{UP}"
            ),
            |c| Wish::Uptime(whole_url(&needed(c, "host"))),
        ),
        (
            format!(
                r"(?:check|see|test|find out|tell me|verify)(?: if| whether| that)? (?:the )?(?:site |website |server |page )?(?P<host>{HOST}) is (?:still |currently |back )?{UP}"
            ),
            |c| Wish::Uptime(whole_url(&needed(c, "host"))),
        ),
        (
            format!(
                r"(?:ping|uptime(?: of| for)?|check (?:the )?(?:uptime|status|site|website|page)(?: of| for)?|check on|test) (?P<host>{HOST})"
            ),
            |c| Wish::Uptime(whole_url(&needed(c, "host"))),
        ),
        (format!(r"check (?P<host>{HOST})"), |c| Wish::Uptime(whole_url(&needed(c, "host")))),
        (
            format!(
                r"(?:fetch|get|get me|open|load|read|show|show me|visit|browse|go to|look at)(?: the)?(?: web ?page| page| site| website| text of| contents? of| url)* (?:at |of )?{url}"
            ),
            |c| Wish::Fetch(needed(c, "url")),
        ),
        (
            format!(
                r"(?:fetch|visit|browse|go to) (?:the )?(?:web ?page |page |site |website )?(?P<host>{HOST})"
            ),
            |c| Wish::Fetch(whole_url(&needed(c, "host"))),
        ),
        (format!(r"what(?:'s| is| does)? (?:on |at |the page (?:at )?)?{url}(?: say| about)?"), |c| {
            Wish::Fetch(needed(c, "url"))
        }),
    ]
}

/// Files and programs.
fn files() -> Vec<(String, Meaning)> {
    let name = r#"(?P<name>"[^"]+"|'[^']+'|`[^`]+`|\S+?)"#;
    let place = r#"(?: (?:in|under|below|inside|within) (?:the |my )?(?:folder |directory )?(?P<place>"[^"]+"|'[^']+'|`[^`]+`|\S+?)(?: folder| directory)?)?"#;
    let file = r#"(?P<file>"[^"]+"|'[^']+'|`[^`]+`|\S*[./]\S*?)"#;
    vec![
        (
            r"(?:find|search for|look for|locate|list|show me|show)(?: all| any| the| my)* (?:(?P<kind>[a-z0-9]{2,5}) files?|(?P<known>pdf|txt|csv|zip|jpe?g|png|gif|mp3|mp4|docx?|xlsx?|pptx?|odt|md|html|json|log|py|rs|js|ts)s)(?: (?:in|under|below) (?:the |my )?(?:folder |directory )?(?P<place>\S+?)(?: folder)?)?".to_string(),
            |c| match (part(c, "known").unwrap_or_else(|| needed(c, "kind")).to_lowercase().as_str(), part(c, "place")) {
                ("file" | "my" | "the" | "all" | "text", place) => Wish::List(place),
                (kind, folder) => Wish::Find { pattern: format!("*.{kind}"), folder },
            },
        ),
        (format!(r"(?:list|show|show me|ls|dir|view)(?: all| the| my| of)*(?: files?| folders?| workspace| contents?| directory)+{place}|ls|dir|ls (?P<only>\S+)|(?:what|which) files (?:are|do i have|do we have|have i)(?: there| here| got)?{}|what(?:'s| is) in (?:the |my )?workspace", place.replace("place", "place2")), |c| {
            Wish::List(part(c, "place").or_else(|| part(c, "place2")).or_else(|| part(c, "only")))
        }),
        (format!(r"(?:find|search for|look for|locate)(?: all| any| the| my| a| me)*(?: files?| documents?)(?: that are| which are)?(?: named| called| matching| like| with the name)? {name}{place}"), find_in),
        (format!(r"(?:find|locate|where is|where's|where are) (?:the |my )?(?P<name>[^\s/]*[.*][^\s/]*?){place}"), find_in),
        (format!(r"(?:read|show|show me|open|cat|print|display|view)(?: me)?(?: the| my)?(?: contents? of)?(?: the)?(?: file)? {file}"), |c| Wish::Read(needed(c, "file"))),
        (r#"(?:read|show|show me|open|cat|print|display|view)(?: me)? (?:the )?file (?P<file>"[^"]+"|'[^']+'|\S+?)"#.to_string(), |c| Wish::Read(needed(c, "file"))),
        (r"undo(?: (?:it|that|the last (?:change|command)|my last change|what you did|what it did|the last thing))?|take (?:it|that|the last change) back|take back the last (?:change|command)|revert the last (?:change|command)".to_string(), |_| Wish::Undo),
        (r"(?:run|execute)(?: the| this)?(?: command| command line)?:? `(?P<command>[^`]+)`".to_string(), |c| Wish::Run(needed(c, "command"))),
    ]
}

fn find_in(captures: &Captures) -> Wish {
    let name = needed(captures, "name");
    match part(captures, "place") {
        Some(place) => find(&format!("{name} in {place}")),
        None => find(&name),
    }
}

/// Mail, notes, and talk.
fn talk() -> Vec<(String, Meaning)> {
    let urgent = r"(?:urgent|important|critical|pressing)";
    vec![
        (format!(r"(?:(?:(?:do i|did i|have i|do we) (?:have|get|got|receive)|is there|are there|{SHOW}|list|got|read) )?(?:(?:any|my|the|all|some|of my|new|unread|recent|latest|newest) )*{urgent}(?: (?:new|unread))? {MAILS}(?: (?:for me|in my inbox|waiting))?"), |_| Wish::Mail(Mail::Urgent)),
        (format!(r"(?:is|are) (?:there )?(?:any|anything|any of my {MAILS}) {urgent}(?: in my (?:{MAILS}))?|anything {urgent}(?: in my {MAILS})?"), |_| Wish::Mail(Mail::Urgent)),
        (format!(r"(?:(?:(?:do i|did i|have i|do we) (?:have|get|got|receive)|is there|are there|{SHOW}|list|got|read|check) )?(?:(?:any|my|the|some|new|unread|recent|latest|newest|what is new in|what's new in) )*{MAILS}(?: (?:for me|in my inbox|waiting))?"), |_| Wish::Mail(Mail::Unread)),
        (format!(r"(?:what is|what's|whats|anything)(?: new)? in (?:my|the) {MAILS}|who (?:wrote|mailed|emailed|has written)(?: to)?(?: me)?|(?:you've|have i) got mail"), |_| Wish::Mail(Mail::Unread)),
        (format!(r"(?:{SHOW}|list|read) all (?:my |the )?{MAILS}"), |_| Wish::Mail(Mail::All)),
        (r"(?:read|open|show|show me) (?:the )?(?:e-?mail|mail|message) (?:with (?:the )?id )?(?P<id>\S*\d\S*?)".to_string(), |c| Wish::Mail(Mail::One(needed(c, "id")))),
        (format!(r"(?:find|search|show|show me|list|any|get|do i have)(?: for)?(?: all| any| the| my| new)* {MAILS}(?: that came)? from (?P<who>\S+?)"), |c| Wish::Mail(Mail::Search(format!("from:{}", needed(c, "who"))))),
        (format!(r"(?:find|search|show|show me|list|any|look for|get)(?: for)?(?: all| any| the| my| through my)* {MAILS} (?:about|for|with|containing|on|mentioning) (?P<words>.{{2,100}}?)"), |c| Wish::Mail(Mail::Search(needed(c, "words")))),
        (r"(?:(?:give|get|show|tell) me )?(?:(?:a|an|my|the|today's|quick|short|morning|daily|evening) )*(?:brief|briefing|status report|daily report|daily summary|morning summary)|brief me|(?:give me )?an overview|good morning|what did i miss|what's going on|what is going on|how is everything|what's up|what is up".to_string(), |_| Wish::Brief),
        (r"(?:remember|note|keep in mind|don't forget|do not forget)(?: down)?(?: that|:)? (?P<text>.{3,280}?)".to_string(), |c| Wish::Remember(needed(c, "text"))),
        (r"what do you (?:know|remember) about (?P<words>.{2,100}?)|(?:search|look through|check) (?:your|my|the) (?:memory|notes) (?:for|about) (?P<words2>.{2,100}?)".to_string(), |c| Wish::Recall(part(c, "words").unwrap_or_else(|| needed(c, "words2")))),
        (r"(?:help|help me|what can you do|what do you do|who are you|what are you|what is this|how does this work|how do i use (?:this|you)|what commands are there|which commands are there|(?:show|list)(?: me)?(?: the| all)? commands|are you (?:an? )?(?:ai|llm|bot|robot|language model|human|person)|hi|hello|hey|hi there|hello there|good (?:day|evening|afternoon)|start|\?)".to_string(), |_| Wish::Help(None)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(PHRASES.len(), patterns().len());
        assert!(RUN.is_some());
    }
}
