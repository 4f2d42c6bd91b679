//! `/api/v1` on the internal listener: upstream's own API, by scopes.

mod catalogue;
