//! `spacetime person touched`: after a breach, whose data was touched within a time, and by when an authority has to hear of
//! it. Must never say that nobody was touched where the audit chain does not verify.

use std::time::{Duration, SystemTime};

use api::clock::Moment;
use serde_json::{Value, json};

use crate::cli::TouchedArgs;
use crate::exit::Failure;
use crate::output;
use crate::serve::ask;
use crate::serve::config::Config;

/// How long after it was discovered an authority has to hear of a breach.
const NOTICE: Duration = Duration::from_secs(72 * 3600);

/// Asks the service, and tells.
///
/// # Errors
/// [`Failure`].
pub fn touched(config: &Config, args: &TouchedArgs, json: bool) -> Result<(), Failure> {
    if args.to < args.from {
        return Err(Failure::Misused("--to is before --from".to_owned()));
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Moment::default().plus(now);
    let discovered = args.discovered.map_or(now, Moment);
    let by = args.by.map_or("-".to_owned(), |by| by.to_string());
    let address = args.address.map_or("-".to_owned(), |address| address.to_string());
    let question = format!("person touched {} {} {by} {address}", args.from, args.to);
    let mut answer = ask::json(&config.socket, &question)?;
    let due = discovered.plus(NOTICE);
    answer["discovered"] = json!(discovered.to_string());
    answer["now"] = json!(now.to_string());
    answer["authority_hears_until"] = json!(due.to_string());
    answer["left_s"] = json!(due.since(now).as_secs());
    if json { output::print_json(&answer) } else { output::print(&told(&answer)) }
}

fn told(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let people = answer["touched"].as_array().map(Vec::as_slice).unwrap_or_default();
    let left_s = answer["left_s"].as_u64().unwrap_or_default();
    let mut out = format!(
        "discovered {}; it is {}; the authority has to hear of it until {}, in {} h {} min\n{} people were touched; {} entries \
         of the audit chain are sound\n",
        text(&answer["discovered"]),
        text(&answer["now"]),
        text(&answer["authority_hears_until"]),
        left_s / 3600,
        left_s / 60 % 60,
        people.len(),
        answer["entries"],
    );
    for person in people {
        let acts = person["acts"].as_object().into_iter().flatten();
        let acts: Vec<String> = acts.map(|(action, count)| format!("{action} x{count}")).collect();
        let (first, last) = (text(&person["first"]), text(&person["last"]));
        out.push_str(&format!("{:<20} {first} {last} {}\n", text(&person["person"]), acts.join(", ")));
    }
    out
}
