//! Packages of Python that serve, by which a template or a list of packages is chosen.

/// Whether a package serves, or is what a template is chosen by.
pub fn is_web(name: &str) -> bool {
    const WEB: [&str; 35] = [
        "flask",
        "django",
        "fastapi",
        "starlette",
        "streamlit",
        "gradio",
        "dash",
        "bottle",
        "tornado",
        "aiohttp",
        "sanic",
        "quart",
        "falcon",
        "litestar",
        "pyramid",
        "cherrypy",
        "uvicorn",
        "gunicorn",
        "waitress",
        "hypercorn",
        "daphne",
        "nicegui",
        "chainlit",
        "python-fasthtml",
        "robyn",
        "blacksheep",
        "panel",
        "reflex",
        "solara",
        "web-py",
        "connexion",
        "mesop",
        "shiny",
        "bokeh",
        "marimo",
    ];
    WEB.contains(&name)
}
