"""Clients, a development server and set-up files for served models."""
