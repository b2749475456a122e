//! An export as tables: one CSV text (RFC 4180, UTF-8) for each part, derived from the same form as the JSON, so that
//! neither has what the other lacks. Must never leave out a column.

use std::collections::BTreeMap;

use serde_json::Value;

use super::form::PersonExport;

impl PersonExport {
    /// The tables by name, such as `consents.csv`. A part that is a list has one row for each entry; what is nested in an
    /// entry is JSON in its cell. An empty list has no table.
    ///
    /// # Errors
    /// As [`PersonExport::to_json`].
    pub fn to_tables(&self) -> Result<BTreeMap<String, String>, serde_json::Error> {
        let Value::Object(parts) = serde_json::to_value(self)? else { return Ok(BTreeMap::new()) };
        let mut tables = BTreeMap::new();
        let mut about = serde_json::Map::new();
        for (name, part) in parts {
            let rows = match part {
                Value::Array(rows) => rows,
                Value::Object(_) => vec![part],
                // Somebody without a profile: there is no such table.
                Value::Null => continue,
                single => {
                    about.insert(name, single);
                    continue;
                }
            };
            if !rows.is_empty() {
                tables.insert(format!("{name}.csv"), table(&rows));
            }
        }
        tables.insert("about.csv".to_owned(), table(&[Value::Object(about)]));
        Ok(tables)
    }
}

/// All rows have the same fields, in the same order.
fn table(rows: &[Value]) -> String {
    let mut out = String::new();
    let fields: Vec<&Value> = rows.iter().filter(|row| row.is_object()).collect();
    let names: Vec<&String> =
        fields.first().and_then(|row| row.as_object()).into_iter().flat_map(|r| r.keys()).collect();
    line(&mut out, names.iter().map(|name| (*name).clone()));
    for row in fields {
        line(&mut out, names.iter().map(|name| row.get(name.as_str()).map(cell).unwrap_or_default()));
    }
    out
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn line(out: &mut String, cells: impl Iterator<Item = String>) {
    for (n, cell) in cells.enumerate() {
        if n > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&cell);
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_have_to_be() {
        let rows = [serde_json::json!({"a": "x,y", "b": "say \"hi\"\n", "c": null, "d": [1]})];
        assert_eq!(table(&rows), "a,b,c,d\r\n\"x,y\",\"say \"\"hi\"\"\n\",,[1]\r\n");
    }
}
