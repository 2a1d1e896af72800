//! YAML into the tree, event by event, within bounds.
//!
//! An alias is replaced by a copy of what its anchor holds, so a small text can mean a huge document. What a document may
//! expand to is bounded before the copy is made, and so is the depth, which every recursive reader after this relies on.
//! Nothing here recurses.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::problem::{Problem, quoted};
use super::tree::{Entry, Node, Value};

/// Deepest nesting.
const MAX_DEPTH: usize = 64;
/// Most values after every alias was replaced.
const MAX_NODES: usize = 50_000;
/// Most keys of one map; they are compared with each other.
const MAX_KEYS: usize = 4_096;
/// Most text after every alias was replaced, in bytes.
const MAX_EXPANDED_BYTES: usize = 4 * super::MAX_BYTES;

pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    loop {
        let (event, span) = match parser.next_event() {
            Some(Ok(next)) => next,
            Some(Err(error)) => return Err(not_yaml(&error)),
            None => break,
        };
        let line = u32::try_from(span.start.line()).unwrap_or(0);
        if matches!(event, Event::StreamEnd) {
            break;
        }
        builder.take(event, line).map_err(|message| Problem::error("", message).at_line(Some(line)))?;
    }
    Ok(builder.root.unwrap_or(Node { line: 1, value: Value::Null }))
}

fn not_yaml(error: &ScanError) -> Problem {
    let line = u32::try_from(error.marker().line()).ok().filter(|line| *line > 0);
    Problem::error("", format!("this is not YAML: {}", error.info())).at_line(line)
}

/// What a value weighs once it is copied.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

#[derive(Debug)]
struct Open {
    line: u32,
    anchor: usize,
    before: Weight,
    deepest: usize,
    content: OpenContent,
}

#[derive(Debug)]
enum OpenContent {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// What `<<` names, in order.
        merged: Vec<Node>,
        key: Option<(String, u32)>,
    },
}

#[derive(Debug, Default)]
struct Builder {
    stack: Vec<Open>,
    anchors: HashMap<usize, (Node, Weight)>,
    total: Weight,
    root: Option<Node>,
    documents: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: u32) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err("there is a second document in this file: only one is read".to_owned());
                }
            }
            Event::Alias(anchor) => {
                let Some((node, weight)) = self.anchors.get(&anchor) else {
                    return Err("this alias is inside of what it names".to_owned());
                };
                let (node, weight) = (node.clone_within(*weight, self.total)?, *weight);
                self.add(weight)?;
                self.deepen(weight.depth)?;
                self.place(node, line)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !forces_text(tag.as_deref())?;
                let weight = Weight { nodes: 1, bytes: text.len(), depth: 1 };
                self.add(weight)?;
                let value = if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    Value::Null
                } else {
                    Value::Scalar { text: text.into_owned(), plain }
                };
                let node = Node { line, value };
                self.remember(anchor, &node, weight);
                self.place(node, line)?;
            }
            Event::SequenceStart(anchor, tag) => {
                forces_text(tag.as_deref())?;
                self.open(line, anchor, OpenContent::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                forces_text(tag.as_deref())?;
                let content = OpenContent::Map { entries: Vec::new(), merged: Vec::new(), key: None };
                self.open(line, anchor, content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn add(&mut self, weight: Weight) -> Result<(), String> {
        self.total.nodes += weight.nodes;
        self.total.bytes += weight.bytes;
        within(self.total)
    }

    /// Notes that something `depth` deep was placed here.
    fn deepen(&mut self, depth: usize) -> Result<(), String> {
        let levels = self.stack.len();
        if levels + depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        if let Some(open) = self.stack.last_mut() {
            open.deepest = open.deepest.max(depth);
        }
        Ok(())
    }

    fn open(&mut self, line: u32, anchor: usize, content: OpenContent) -> Result<(), String> {
        self.add(Weight { nodes: 1, bytes: 0, depth: 0 })?;
        self.deepen(1)?;
        self.stack.push(Open { line, anchor, before: self.total, deepest: 0, content });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(open) = self.stack.pop() else { return Err("an end without its start".to_owned()) };
        let value = match open.content {
            OpenContent::List(items) => Value::List(items),
            OpenContent::Map { mut entries, merged, .. } => {
                for from in merged {
                    merge(&mut entries, from)?;
                }
                Value::Map(entries)
            }
        };
        let node = Node { line: open.line, value };
        let depth = open.deepest + 1;
        let weight = Weight {
            nodes: self.total.nodes - open.before.nodes + 1,
            bytes: self.total.bytes - open.before.bytes,
            depth,
        };
        self.remember(open.anchor, &node, weight);
        self.deepen(depth)?;
        self.place(node, open.line)
    }

    fn remember(&mut self, anchor: usize, node: &Node, weight: Weight) {
        // The copy kept for the anchor is not counted: there are at most as many as the text has characters, and each
        // holds what the text itself wrote down or what was counted when an alias was replaced.
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), weight));
        }
    }

    fn place(&mut self, node: Node, line: u32) -> Result<(), String> {
        match self.stack.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(OpenContent::List(items)) => items.push(node),
            Some(OpenContent::Map { entries, merged, key }) => match key.take() {
                None => {
                    let Value::Scalar { text, .. } = node.value else {
                        return Err("a key must be text".to_owned());
                    };
                    if entries.len() == MAX_KEYS {
                        return Err(format!("a map with more than {MAX_KEYS} keys"));
                    }
                    if entries.iter().any(|entry| entry.key == text) {
                        return Err(format!("the key {} occurs twice", quoted(&text)));
                    }
                    *key = Some((text, line));
                }
                Some((name, _)) if name == "<<" => merged.push(node),
                Some((name, at)) => entries.push(Entry { key: name, line: at, value: node }),
            },
        }
        Ok(())
    }
}

impl Node {
    fn clone_within(&self, weight: Weight, total: Weight) -> Result<Self, String> {
        within(Weight {
            nodes: total.nodes + weight.nodes,
            bytes: total.bytes + weight.bytes,
            depth: weight.depth,
        })?;
        Ok(self.clone())
    }
}

fn within(total: Weight) -> Result<(), String> {
    if total.nodes > MAX_NODES || total.bytes > MAX_EXPANDED_BYTES {
        return Err(format!(
            "the document expands to more than {MAX_NODES} values or 4 MiB: aliases repeat too much"
        ));
    }
    Ok(())
}

/// `<<`: keys of another map that are not set here.
fn merge(entries: &mut Vec<Entry>, from: Node) -> Result<(), String> {
    match from.value {
        Value::Map(more) => {
            for entry in more {
                if !entries.iter().any(|own| own.key == entry.key) {
                    entries.push(entry);
                }
            }
            Ok(())
        }
        Value::List(maps) => {
            for map in maps {
                if !matches!(map.value, Value::Map(_)) {
                    return Err("`<<` takes a map or a list of maps".to_owned());
                }
                merge(entries, map)?;
            }
            Ok(())
        }
        Value::Null => Ok(()),
        Value::Scalar { .. } => Err("`<<` takes a map or a list of maps".to_owned()),
    }
}

/// Whether a tag makes a plain scalar text. Types of other languages (`!!python/object`, `!reset`) mean nothing here.
fn forces_text(tag: Option<&Tag>) -> Result<bool, String> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
            "str" => Ok(true),
            "int" | "float" | "bool" | "null" | "map" | "seq" => Ok(false),
            other => Err(format!("the tag {} is not known here", quoted(other))),
        },
        Some(tag) if tag.handle == "!" && tag.suffix.is_empty() => Ok(true),
        Some(tag) => Err(format!("the tag {} is not known here", quoted(&tag.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn anchors_merges_and_lines() {
        let text = "\
base: &base
  image: a
  tag: 3.10
web:
  <<: *base
  image: b
all: [*base, {<<: [*base, {x: 1}]}]
text: !!str 12
block: |
  one
  two
";
        let node = parse(text).unwrap();
        let base = json!({"image": "a", "tag": 3.1});
        assert_eq!(
            node.to_json(),
            json!({
                "base": base, "web": {"image": "b", "tag": 3.1},
                "all": [base, {"image": "a", "tag": 3.1, "x": 1}], "text": "12", "block": "one\ntwo\n",
            })
        );
        let Value::Map(entries) = &node.value else { panic!() };
        assert_eq!(entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [1, 4, 7, 8, 9]);
        assert_eq!(node.get("base").and_then(|base| base.get("tag")).unwrap().line, 3);
        assert_eq!(
            parse("a: 3.10").unwrap().get("a").unwrap().value,
            Value::Scalar { text: "3.10".into(), plain: true }
        );
    }

    #[test]
    fn what_is_refused_is_told_with_its_line() {
        for (text, told) in [
            ("a: 1\na: 2\n", "line 2: the key `a` occurs twice"),
            ("a: 1\n---\nb: 2\n", "line 2: there is a second document"),
            ("a: !!python/object x\n", "is not known here"),
            ("? [a]\n: b\n", "a key must be text"),
            ("<<: x\n", "`<<` takes a map"),
            ("a: [\n", "this is not YAML"),
            ("a: *b\n", "this is not YAML"),
            ("a: &a [*a]\n", "inside of what it names"),
        ] {
            let message = refused(text);
            assert!(message.contains(told), "{text:?}: {message}");
        }
        assert_eq!(parse("").unwrap().value, Value::Null);
    }

    #[test]
    fn hostile_documents_end_in_an_error_and_quickly() {
        let bomb: String =
            (0..30).map(|n| format!("a{}: &a{} [*a{n},*a{n},*a{n}]\n", n + 1, n + 1)).collect();
        assert!(refused(&format!("a0: &a0 [x]\n{bomb}")).contains("expands to more than"));
        let long = "x".repeat(100_000);
        let wide = format!("a: &a {long}\nb: [{}]", "*a,".repeat(1000));
        assert!(refused(&wide).contains("expands to more than"));
        refused(&"[".repeat(100_000));
        refused(&"- ".repeat(100_000));
        refused(&format!("a: {}{}", "{a: ".repeat(100), "}".repeat(100)));
        let chain: String = (0..80).map(|n| format!("a{}: &a{} [*a{n}]\n", n + 1, n + 1)).collect();
        assert!(refused(&format!("a0: &a0 [x]\n{chain}")).contains("nested deeper"));
    }
}
