"""Decisions become messages: templates of the growth team, text and figures for people, signed links, the wire.

`templates` is the door (TemplateSet, compile_subject); `formats` holds the filters; `links` signs and verifies;
`message` is the outbound contract. Everything that can be checked or computed is done when a template is loaded
(`source` reads, `allow` judges, `flatten` joins files, `markup` judges the HTML, `inline` moves styles into the tags,
`plain` makes the text part, `sandbox` compiles), so that a mail costs one rendering a part and can fail in few ways.
"""
