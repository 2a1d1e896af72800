//! As much Markdown as our own pages use: headings, paragraphs, lists, fenced code, `code`.

use super::html::escaped;

/// What the lines that are being collected are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    Paragraph,
    List,
    Code,
}

/// Renders Markdown as HTML. Tags in it come out as text.
pub(super) fn html(markdown: &str) -> String {
    let (mut html, mut block) = (String::new(), Block::None);
    let mut enter = |html: &mut String, next: Block| {
        if block == next {
            return;
        }
        html.push_str(match block {
            Block::None => "",
            Block::Paragraph => "</p>",
            Block::List => "</li></ul>",
            Block::Code => "</code></pre>",
        });
        html.push_str(match next {
            Block::None => "",
            Block::Paragraph => "<p>",
            Block::List => "<ul>",
            Block::Code => "<pre><code>",
        });
        block = next;
    };
    let (mut in_code, mut in_list) = (false, false);
    for line in markdown.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
            enter(&mut html, if in_code { Block::Code } else { Block::None });
        } else if in_code {
            html.push_str(&escaped(line));
            html.push('\n');
        } else if let Some((level, text)) = heading(line) {
            enter(&mut html, Block::None);
            html.push_str(&format!("<h{level}>{}</h{level}>", inline(text)));
        } else if let Some(item) = line.strip_prefix("- ") {
            enter(&mut html, Block::List);
            html.push_str(if in_list { "</li><li>" } else { "<li>" });
            html.push_str(&inline(item));
        } else if line.trim().is_empty() {
            enter(&mut html, Block::None);
        } else {
            if !in_list {
                enter(&mut html, Block::Paragraph);
            }
            html.push_str(&inline(line.trim()));
            html.push(' ');
        }
        in_list = !in_code && (line.starts_with("- ") || in_list && line.starts_with("  "));
    }
    enter(&mut html, Block::None);
    html
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let (marks, text) = line.split_once(' ')?;
    let level = marks.len();
    ((1..=4).contains(&level) && marks.bytes().all(|byte| byte == b'#')).then_some((level, text))
}

/// Every second part between backticks is code.
pub(super) fn inline(text: &str) -> String {
    let mut parts = text.split('`').peekable();
    let (mut html, mut code) = (String::new(), false);
    while let Some(part) = parts.next() {
        match (code, parts.peek()) {
            (true, Some(_)) => html.push_str(&format!("<code>{}</code>", escaped(part))),
            // The last backtick has no partner: it is text.
            (true, None) => html.push_str(&format!("`{}", escaped(part))),
            (false, _) => html.push_str(&escaped(part)),
        }
        code = !code;
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_our_pages_use_is_rendered_and_nothing_gets_through() {
        for (markdown, expected) in [
            ("# Title\n\none\ntwo `x < y`", "<h1>Title</h1><p>one two <code>x &lt; y</code> </p>"),
            ("- a\n- b\n  more\n\nafter", "<ul><li>a</li><li>bmore </li></ul><p>after </p>"),
            ("text\n- a", "<p>text </p><ul><li>a</li></ul>"),
            ("```sh\na && b\n```", "<pre><code>a &amp;&amp; b\n</code></pre>"),
            ("<script>", "<p>&lt;script&gt; </p>"),
            ("a ` b", "<p>a ` b </p>"),
            ("#hash", "<p>#hash </p>"),
        ] {
            assert_eq!(html(markdown), expected, "{markdown}");
        }
    }
}
