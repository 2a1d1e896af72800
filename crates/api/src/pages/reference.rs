//! The reference of the API as one page, from its OpenAPI document: every call with its fields, an example, and the line for
//! curl and for the command line.

use serde_json::{Map, Value};
use utoipa::openapi::OpenApi;

use super::html::{escaped, page};
use super::markdown::{self, inline};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One call, as the document has it.
struct Call<'d> {
    method: &'static str,
    path: &'d str,
    operation: &'d Value,
}

/// The page.
pub(crate) fn reference(document: &OpenApi) -> String {
    let document = serde_json::to_value(document).unwrap_or_default();
    let calls = calls(&document);
    let mut body = format!(
        "<h1>API reference</h1><p>{}</p><p><a href=\"/api/v1/openapi.json\">OpenAPI document</a></p>\
         <p><label>Filter <input id=\"filter\" type=\"search\" autocomplete=\"off\"></label> <span id=\"found\" role=\"status\"></span></p>",
        inline(document["info"]["description"].as_str().unwrap_or_default())
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = tag["name"].as_str().unwrap_or_default();
        let of_tag = calls.iter().filter(|call| call.operation["tags"][0] == name);
        let of_tag: String = of_tag.map(|call| section(call, &document)).collect();
        let description = inline(tag["description"].as_str().unwrap_or_default());
        body.push_str(&format!(
            "<section><h2 id=\"{name}\">{name}</h2><p>{description}</p>{of_tag}</section>"
        ));
    }
    body.push_str("<section><h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        body.push_str(&format!("<div class=\"call\" id=\"schema-{0}\"><h3>{0}</h3>", escaped(name)));
        body.push_str(&fields(schema));
        body.push_str("</div>");
    }
    body.push_str("</section><script src=\"/docs/assets/filter.js\"></script>");
    page("Pierhead: API reference", &body)
}

fn calls(document: &Value) -> Vec<Call<'_>> {
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        let of_path = METHODS.into_iter().filter_map(|method| Some((method, item.get(method)?)));
        calls.extend(of_path.map(|(method, operation)| Call { method, path, operation }));
    }
    calls
}

fn section(call: &Call<'_>, document: &Value) -> String {
    let operation = call.operation;
    let text = |name: &str| operation[name].as_str().unwrap_or_default();
    let id = escaped(text("operationId"));
    let mut html = format!(
        "<details class=\"call\" id=\"{id}\"><summary><span class=\"method\">{}</span> <code>{}</code> {}</summary>",
        call.method.to_uppercase(),
        escaped(call.path),
        inline(text("summary")),
    );
    html.push_str(&markdown::html(text("description")));
    html.push_str(&format!("<p class=\"quiet\"><code>{id}</code> · {}</p>", needs(operation)));
    html.push_str(&parameters(operation));
    let body = &operation["requestBody"]["content"];
    let body = body.as_object().and_then(|contents| contents.iter().next());
    let example = body.and_then(|(_, content)| example(content, document));
    if let Some((kind, content)) = body {
        html.push_str(&format!(
            "<h4>Body</h4><p>{} as <code>{}</code></p>",
            type_of(&content["schema"]),
            escaped(kind)
        ));
        if let Some(example) = &example {
            let pretty = serde_json::to_string_pretty(example).unwrap_or_default();
            html.push_str(&format!("<pre><code>{}</code></pre>", escaped(&pretty)));
        }
    }
    html.push_str(&answers(operation));
    let kind = body.map(|(kind, _)| kind.as_str());
    html.push_str(&format!(
        "<h4>curl</h4><pre><code>{}</code></pre>",
        escaped(&curl(call, kind, example.as_ref()))
    ));
    if let Some(command) = operation["x-cli"].as_str() {
        html.push_str(&format!("<h4>Command line</h4><pre><code>{}</code></pre>", escaped(command)));
    }
    html.push_str("</details>");
    html
}

fn needs(operation: &Value) -> String {
    match operation["x-scopes"][0].as_str() {
        Some(scope) => format!("needs a token with the scope <code>{}</code>", escaped(scope)),
        None => "open to everybody".to_owned(),
    }
}

fn parameters(operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let rows: String = parameters
        .map(|it| {
            let text = |name: &str| it[name].as_str().unwrap_or_default();
            format!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escaped(text("name")),
                escaped(text("in")),
                type_of(&it["schema"]),
                inline(text("description")),
            )
        })
        .collect();
    if rows.is_empty() { rows } else { format!("<h4>Parameters</h4><table>{rows}</table>") }
}

fn answers(operation: &Value) -> String {
    let mut html = "<h4>Answers</h4><table>".to_owned();
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let schema = answer["content"].as_object().and_then(|contents| contents.values().next());
        let (kind, description) = if status == "default" {
            (link("Problem"), "Anything else")
        } else {
            let kind = schema.map(|content| type_of(&content["schema"])).unwrap_or_default();
            (kind, answer["description"].as_str().unwrap_or_default())
        };
        let status = escaped(status);
        html.push_str(&format!("<tr><td>{status}</td><td>{kind}</td><td>{}</td></tr>", inline(description)));
    }
    html + "</table>"
}

fn curl(call: &Call<'_>, kind: Option<&str>, example: Option<&Value>) -> String {
    let mut line = "curl".to_owned();
    if call.method != "get" {
        line.push_str(&format!(" -X {}", call.method.to_uppercase()));
    }
    line.push_str(&format!(" \"$PIERHEAD_URL{}\"", call.path));
    if call.operation["x-scopes"].is_array() {
        line.push_str(" \\\n  -H \"Authorization: Bearer $PIERHEAD_TOKEN\"");
    }
    if let (Some(kind), Some(example)) = (kind, example) {
        line.push_str(&format!(" \\\n  -H 'Content-Type: {kind}' \\\n  -d '{example}'"));
    }
    line
}

/// The example of a body: its own, or its schema's.
fn example(content: &Value, document: &Value) -> Option<Value> {
    let name = content["schema"]["$ref"].as_str().and_then(|it| it.rsplit('/').next()).unwrap_or_default();
    let schema = &document["components"]["schemas"][name];
    [&content["example"], &schema["example"], &schema["examples"][0]]
        .into_iter()
        .find(|it| !it.is_null())
        .cloned()
}

fn link(schema: &str) -> String {
    format!("<a href=\"#schema-{0}\">{0}</a>", escaped(schema))
}

/// A schema in a few words.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
        return link(name);
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(variants) = schema[several].as_array() {
            return variants.iter().map(type_of).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let quoted =
            values.iter().map(|it| format!("<code>{}</code>", escaped(it.as_str().unwrap_or_default())));
        return quoted.collect::<Vec<_>>().join(" ");
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any"],
    };
    let of =
        if names.contains(&"array") { format!(" of {}", type_of(&schema["items"])) } else { String::new() };
    let format = schema["format"].as_str().map(|it| format!(" ({})", escaped(it))).unwrap_or_default();
    format!("{}{of}{format}", escaped(&names.join(" or ")))
}

/// The fields of a schema as a table.
fn fields(schema: &Value) -> String {
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    let description = inline(schema["description"].as_str().unwrap_or_default());
    if properties.is_empty() {
        return format!("<p>{description}</p><p>{}</p>", type_of(schema));
    }
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|it| it == name));
    let row = |(name, field): (&String, &Value)| {
        let mark = if is_required(name) { "" } else { " <span class=\"quiet\">optional</span>" };
        let about = inline(field["description"].as_str().unwrap_or_default());
        let name = escaped(name);
        format!("<tr><td><code>{name}</code>{mark}</td><td>{}</td><td>{about}</td></tr>", type_of(field))
    };
    let rows: String = properties.iter().map(row).collect();
    format!("<p>{description}</p><table>{rows}</table>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_there_with_a_line_for_curl() {
        let html = reference(&crate::openapi());
        let document = serde_json::to_value(crate::openapi()).unwrap();
        for call in calls(&document) {
            let id = call.operation["operationId"].as_str().unwrap();
            assert!(html.contains(&format!("<details class=\"call\" id=\"{id}\">")), "{id}");
        }
        assert!(html.contains("pierhead deploy https://github.com/team/shop"));
        assert!(html.contains("-d &#39;{&quot;repository&quot;"), "the example is in the line for curl");
    }

    #[test]
    fn every_link_leads_to_a_place_on_the_page() {
        let html = reference(&crate::openapi());
        for target in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(html.contains(&format!("id=\"{target}\"")), "{target} is nowhere");
        }
    }
}
