"""The course as a web site: `make site`.

parts    what needs the course's environment: LiteRT.js, the digit page, the doctor
render   the pages, from docs/, notebooks/ and errors.yaml, with Sphinx in .venv-site
"""
