//! Text to HTML: everything is escaped or rendered here.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// A description's Markdown. Raw HTML in it is shown, not believed.
pub(super) fn markdown(text: &str) -> String {
    render(Parser::new_ext(text, Options::ENABLE_TABLES))
}

/// Markdown of one paragraph, without the paragraph.
pub(super) fn inline(text: &str) -> String {
    let events = Parser::new(text).filter(|event| {
        !matches!(
            event,
            Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph)
        )
    });
    render(events).trim().to_owned()
}

fn render<'a>(events: impl Iterator<Item = Event<'a>>) -> String {
    let shown = events.map(|event| {
        if let Event::Html(text) | Event::InlineHtml(text) = event {
            Event::Text(text)
        } else {
            event
        }
    });
    let mut page = String::new();
    html::push_html(&mut page, shown);
    page
}
