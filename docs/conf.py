"""How Sphinx renders the site; tools/site/render.py calls it. No page asks another machine."""

project = html_title = "From Hub to .tflite"
author = copyright = "the authors of From Hub to .tflite"
extensions = ["myst_nb"]
exclude_patterns = ["extra", "_templates"]
templates_path = ["_templates"]
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = "Show the {type}", "Hide the {type}"
myst_enable_extensions = []  # no dollarmath: a $ is a dollar here
myst_heading_anchors = 4
suppress_warnings = []

html_theme = "sphinx_book_theme"
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "navigation_with_keys": False,
    "navbar_persistent": [],
    "navbar_end": [],
}
html_sidebars = {
    "**": ["navbar-logo.html", "doctor.html", "search-button-field.html", "sbt-sidebar-nav.html"]
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["extra"]
html_copy_source = False
html_show_copyright = False
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_anchors = False
