//! Which template fits a project: what is looked up in it, and how well each template fares.

pub(super) mod file_order;
pub(super) mod other_languages;
pub(super) mod project_view;
pub(super) mod score;
pub(super) mod select;
pub(super) mod template_view;
