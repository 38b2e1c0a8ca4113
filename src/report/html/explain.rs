//! The page of a finding, from Markdown to HTML.

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::super::labels;
use super::super::page::is_wide;
use crate::diagnose::find_code;
use crate::text::Language;

/// The page, folded; where it stands in the document already, a link to it.
pub(super) fn page(code: &str, is_first: bool, language: Language) -> Markup {
    let Some(row) = find_code(code) else { return html! {} };
    let id = format!("page-{}", row.code);
    html! {
        @if is_first {
            details id=(id) {
                summary { (labels::SUMMARY_OF_PAGE.say(language)) }
                (PreEscaped(body(language.page(row.code).unwrap_or(row.page))))
            }
        } @else {
            p { a href=(format!("#{id}")) { (labels::SAME_PAGE.say(language)) } }
        }
    }
}

/// The words of a page as HTML: without its title, which the finding has, and without the evidence, which tests read. HTML in it
/// is shown as it is written, and what it links to is not there.
fn body(markdown: &str) -> String {
    let (mut left_out, mut is_behind_chinese) = (None, false);
    let shown = Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(|event| {
        match (&event, &left_out) {
            (Event::Start(tag), None) if is_left_out(tag) => left_out = Some(tag.to_end()),
            (Event::End(tag), Some(end)) if tag == end => left_out = None,
            (_, Some(_)) | (Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link), _) => {}
            // Chinese has no blank where a line ends.
            (Event::SoftBreak, _) if is_behind_chinese => {}
            _ => {
                is_behind_chinese = matches!(&event, Event::Text(text) if text.ends_with(is_wide));
                return Some(in_its_place(event));
            }
        }
        None
    });
    let mut text = String::new();
    pulldown_cmark::html::push_html(&mut text, shown);
    text
}

fn is_left_out(tag: &Tag<'_>) -> bool {
    match tag {
        Tag::Heading { level, .. } => *level == HeadingLevel::H1,
        Tag::CodeBlock(CodeBlockKind::Fenced(language)) => language.contains("evidence"),
        Tag::Image { .. } => true,
        _ => false,
    }
}

/// Headings below that of the finding, and HTML as text.
fn in_its_place(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Heading { id, classes, attrs, .. }) => {
            Event::Start(Tag::Heading { level: HeadingLevel::H4, id, classes, attrs })
        }
        Event::End(TagEnd::Heading(_)) => Event::End(TagEnd::Heading(HeadingLevel::H4)),
        // Without a class for its language, which no style sheet here knows.
        Event::Start(Tag::CodeBlock(_)) => Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_shown_without_title_evidence_links_and_html() {
        let page = "# X001 x: y\n\n## Why\n\n<b>a</b> [b](c.md) `d<e`\n\n```json evidence\n{}\n```\n\n```sh\nx\n```\n";
        let expected = "<h4>Why</h4>\n<p>&lt;b&gt;a&lt;/b&gt; b <code>d&lt;e</code></p>\n<pre><code>x\n</code></pre>\n";
        assert_eq!(body(page), expected);
        assert_eq!(body("重试。\n之后 `a`\nb\nc"), "<p>重试。之后 <code>a</code>\nb\nc</p>\n");
    }
}
