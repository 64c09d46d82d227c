"""A secure multi-tenant retail platform, run by Dagster."""
