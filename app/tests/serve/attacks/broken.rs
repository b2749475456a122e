//! Requests that break one rule of the published document each, all others kept. Must never break two: what is refused then
//! would not say which.

use serde_json::{Value, json};

use super::document::{Document, Operation, range};
use super::draw::{Asked, Base, Dice};

/// A request that breaks one rule.
#[derive(Debug)]
pub struct Broken {
    pub what: String,
    pub asked: Asked,
    /// What the answer has to name; anything where the rule is about the whole.
    pub at: Option<String>,
}

/// Everything that can be wrong with a request of an operation, and more names that are unknown up to this many.
pub fn all(document: &Document, operation: &Operation, base: &Base, dice: &mut Dice, least: usize) -> Vec<Broken> {
    let mut made = Maker { document, operation, base, found: Vec::new() };
    made.in_path();
    made.in_query();
    made.in_headers();
    match &operation.body {
        Some(schema) => {
            made.in_text();
            made.in_value(schema, base.body.as_ref().expect("a body"), "");
        }
        None if operation.takes_octets => {}
        None => made.not_taken(),
    }
    while made.found.len() < least {
        let name = format!("x{:x}", dice.next());
        made.query(&format!("{name}=1"), "query");
    }
    made.found
}

/// Whether a parameter may be spelt like that.
fn is_allowed(document: &Document, schema: &Value, spelt: &str) -> bool {
    // Whole numbers are spelt in one way.
    let whole = || spelt.parse::<u64>().ok().filter(|number| number.to_string() == spelt);
    let value = if schema["type"] == "integer" { whole().map(Value::from) } else { decoded(spelt).map(Value::from) };
    value.is_some_and(|value| document.wrong(schema, &value).is_empty())
}

/// A text out of a path or a query; none where it is none.
fn decoded(spelt: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), spelt);
    while let Some((plain, behind)) = rest.split_once('%') {
        bytes.extend(plain.replace('+', " ").bytes());
        bytes.push(u8::from_str_radix(behind.get(..2)?, 16).ok()?);
        rest = &behind[2..];
    }
    bytes.extend(rest.replace('+', " ").bytes());
    String::from_utf8(bytes).ok()
}

struct Maker<'a> {
    document: &'a Document,
    operation: &'a Operation,
    base: &'a Base,
    found: Vec<Broken>,
}

impl Maker<'_> {
    fn push(&mut self, what: &str, asked: Asked, at: Option<&str>) {
        self.found.push(Broken { what: what.to_owned(), asked, at: at.map(str::to_owned) });
    }

    fn asked(&self) -> Asked {
        self.base.asked(self.operation)
    }

    fn query(&mut self, more: &str, at: &str) {
        let mut asked = self.asked();
        asked.query = if asked.query.is_empty() { more.to_owned() } else { format!("{}&{more}", asked.query) };
        self.push(more, asked, Some(at));
    }

    fn in_path(&mut self) {
        let wrong = [
            "-1",
            "1.5",
            "1e3",
            "0x1",
            "%31%00",
            "%ff",
            "%c0%af",
            "..",
            "%2e%2e",
            "%252e%252e",
            "a%2fb",
            "+1",
            "01",
            "99999999999999999999",
            "18446744073709551616",
            "NaN",
            "'%20OR%201=1--",
            "%3Cscript%3E",
            "%F0%9F%9A%80",
            "null",
        ];
        for param in self.operation.params.iter().filter(|param| param.in_path) {
            for value in wrong.into_iter().filter(|value| !is_allowed(self.document, &param.schema, value)) {
                let mut base = self.base.clone();
                base.path.iter_mut().filter(|(name, _)| *name == param.name).for_each(|pair| pair.1 = value.to_owned());
                let (asked, at) = (base.asked(self.operation), format!("path.{}", param.name));
                self.push(value, asked, Some(&at));
            }
        }
    }

    fn in_query(&mut self) {
        for unknown in
            ["x=1", "__proto__=1", "Tick=7", "tick%00=7", "limit[]=1", "%74ick=7", "token=a", "=1", "a", "role=admin"]
        {
            self.query(unknown, "query");
        }
        for param in self.operation.params.iter().filter(|param| !param.in_path) {
            let name = &param.name;
            let mut plain = self.base.clone();
            plain.query.retain(|(there, _)| there != name);
            let (least, most) = range(&param.schema);
            let beyond = [(least - 1).to_string(), (most + 1).to_string()];
            let wrong =
                ["", "a", "-", "1.5", "1e3", "0x1", "%31%00", "%ff", "%", "%201", "+1", "01", "1,2", "true", "null"];
            let all = wrong.into_iter().chain(beyond.iter().map(String::as_str));
            for value in all.filter(|value| !is_allowed(self.document, &param.schema, value)) {
                let mut base = plain.clone();
                base.query.push((name.clone(), value.to_owned()));
                let asked = base.asked(self.operation);
                self.push(&format!("{name}={value}"), asked, Some(&format!("query.{name}")));
            }
            let mut twice = plain.clone();
            twice.query.extend([(name.clone(), most.min(7).to_string()), (name.clone(), most.min(7).to_string())]);
            let asked = twice.asked(self.operation);
            self.push(&format!("{name} twice"), asked, Some(&format!("query.{name}")));
        }
    }

    fn in_headers(&mut self) {
        let header = |made: &mut Self, name: &str, value: &str, at: &str| {
            let mut asked = made.asked();
            asked.headers.push((name.to_owned(), value.to_owned()));
            made.push(&format!("{name}: {value}"), asked, Some(at));
        };
        for coding in ["gzip", "br", "deflate", "compress"] {
            header(self, "content-encoding", coding, "header.content-encoding");
        }
        for (name, value) in [("host", "y"), ("authorization", "Bearer x")] {
            // Where nobody has to say who they are, a bad token keeps nobody out.
            if name == "authorization" && self.operation.access == "public" {
                continue;
            }
            header(self, name, value, &format!("header.{name}"));
        }
        for kind in [
            "text/plain",
            "text/xml",
            "application/xml",
            "application/jsonx",
            "application/json;a=b",
            "multipart/form-data",
            "application/x-www-form-urlencoded",
            "image/svg+xml",
            if self.operation.takes_octets { "application/json" } else { "application/octet-stream" },
            "application/json, text/plain",
            "*/*",
        ] {
            let mut asked = self.asked();
            asked.body.get_or_insert_with(|| b"{}".to_vec());
            asked.headers = vec![("content-type".to_owned(), kind.to_owned())];
            self.push(kind, asked, Some("header.content-type"));
        }
        if self.operation.body.is_some() || self.operation.takes_octets {
            let asked = Asked { headers: Vec::new(), ..self.asked() };
            self.push("no content type", asked, Some("header.content-type"));
        }
    }

    /// Bodies where none is taken.
    fn not_taken(&mut self) {
        for body in ["{}", "null", "a", "[]", "{\"role\":\"admin\"}", "\u{0}"] {
            let asked = Asked { body: Some(body.as_bytes().to_vec()), ..self.asked() };
            self.push(body, asked, None);
        }
    }

    /// Bodies that are no JSON, or none that is taken.
    fn in_text(&mut self) {
        let sound = self.base.body.as_ref().expect("a body").to_string();
        let first = sound.split('"').nth(1).unwrap_or("a");
        let deep = format!("{{\"{first}\":{}{}}}", "[".repeat(2000), "]".repeat(2000));
        let twice = format!("{{\"{first}\":1,{}", &sound[1..]);
        let digits = format!("{{\"{first}\":{}}}", "9".repeat(400));
        let texts: [&[u8]; 24] = [
            b"",
            b" ",
            b"{",
            b"}",
            b"[",
            b"[]",
            b"null",
            b"true",
            b"7",
            b"\"a\"",
            b"{]",
            b"{,}",
            b"{a:1}",
            b"{'a':1}",
            b"\xef\xbb\xbf{}",
            b"\xff\xfe{\0}\0",
            b"{\"\xff\":1}",
            b"{\"\xc0\xaf\":1}",
            b"{\"a\":NaN}",
            b"{\"a\":1e999}",
            b"{\"a\":-Infinity}",
            b"{}{}",
            b"{\"a\":\"\\ud800\"}",
            b"/* */{}",
        ];
        let made = [deep.into_bytes(), twice.into_bytes(), digits.into_bytes(), format!("{sound}x").into_bytes()];
        for text in texts.into_iter().map(<[u8]>::to_vec).chain(made) {
            let what: String = String::from_utf8_lossy(&text).chars().take(40).collect();
            let asked = Asked { body: Some(text), ..self.asked() };
            self.push(&what, asked, None);
        }
        let long = format!("{sound}{}", " ".repeat(3 << 20));
        let asked = Asked { body: Some(long.into_bytes()), ..self.asked() };
        self.push("too long", asked, None);
    }

    /// Puts something else at a place of the body.
    fn body(&mut self, what: &str, at: &str, change: impl FnOnce(&mut Value)) {
        let mut base = self.base.clone();
        change(base.body.as_mut().and_then(|body| body.pointer_mut(at)).expect("a place"));
        let asked = base.asked(self.operation);
        self.push(&format!("{at}: {what}"), asked, None);
    }

    fn in_value(&mut self, schema: &Value, value: &Value, at: &str) {
        let document = self.document;
        let schema = document.resolved(schema);
        let others =
            [json!(null), json!(true), json!(-7.5), json!("a \u{0} '\""), json!([[[]]]), json!({ "a": { "b": 1 } })];
        let edges =
            [json!(u64::MAX), json!(i64::MIN), json!(1e300), json!(5e-324), json!(4_294_967_296_u64), json!(-1)];
        let long = "a".repeat(usize::try_from(schema["maxLength"].as_u64().unwrap_or(0) + 1).expect("small"));
        let texts = [json!(""), json!(long)];
        for other in others.into_iter().chain(edges).chain(texts) {
            if !document.wrong(schema, &other).is_empty() {
                let at_before = self.found.len();
                self.body(&other.to_string().chars().take(40).collect::<String>(), at, |place| *place = other);
                self.found[at_before].at = Some(at.to_owned());
            }
        }
        match value {
            Value::Object(fields) if schema["properties"].is_object() => {
                for (name, value) in fields {
                    self.in_value(&schema["properties"][name], value, &format!("{at}/{name}"));
                }
                for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    let place = self.found.len();
                    self.body("missing", at, |body| drop(body.as_object_mut().map(|body| body.remove(required))));
                    self.found[place].at = Some(format!("{at}/{required}"));
                }
                for unknown in ["role", "owner", "person", "is_admin", "__proto__", "", "😀", "seq"] {
                    if schema["properties"].get(unknown).is_none() {
                        let place = self.found.len();
                        self.body(&format!("{unknown:?} too"), at, |body| body[unknown] = json!("admin"));
                        self.found[place].at = Some(format!("{at}/{unknown}"));
                    }
                }
            }
            Value::Array(items) if !items.is_empty() => {
                if let Some(most) = schema["maxItems"].as_u64() {
                    let (many, place) =
                        (vec![items[0].clone(); usize::try_from(most).expect("small") + 1], self.found.len());
                    self.body("too many", at, |body| *body = json!(many));
                    self.found[place].at = Some(at.to_owned());
                }
                self.in_value(&schema["items"], &items[0], &format!("{at}/0"));
            }
            _ => {}
        }
    }
}
