//! What every test here begins with: a service that runs, accounts, a browser. Must never weaken what the service defends,
//! but for allowances that a test would spend.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::{Client, PASSWORD, account};
use crate::process::{Home, Process};

/// A service with a browser beside it.
pub struct Stage {
    pub browser: Browser,
    pub service: Process,
    /// Nobody in particular, at the service's address.
    pub client: Client,
    /// Where the service's pages are.
    pub url: String,
    pub home: Home,
}

impl Stage {
    /// With these variables, and allowances that no test spends.
    pub fn with(variables: &[(&str, &str)]) -> Self {
        let keys = ["REQUESTS", "PERSON_REQUESTS", "PERSON_MESSAGES"];
        let generous = keys.map(|key| format!("API__{key}_PER_MINUTE"));
        let generous = generous.iter().map(|key| (key.as_str(), "1000000"));
        Self::usual(&generous.chain(variables.iter().copied()).collect::<Vec<_>>())
    }

    /// With these variables and the allowances that a service has by itself.
    pub fn usual(variables: &[(&str, &str)]) -> Self {
        let home = Home::new();
        let mut command = home.command("serve --json");
        command.env("SPACETIME_SERVE__API__LISTEN", "127.0.0.1:0");
        for (key, value) in variables {
            command.env(format!("SPACETIME_SERVE__{key}"), value);
        }
        let mut service = Process::start(command);
        // The browser starts meanwhile.
        let browser = Browser::start();
        let client = Client::of(&mut service);
        let url = service.event("serving")["api"].as_str().expect("an API").trim_end_matches('/').to_owned();
        Self { browser, service, client, url, home }
    }

    /// As the service is by itself.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// Makes an account; its owner, signed in by a script and not in the browser.
    pub fn somebody(&self, name: &str, role: &str) -> Client {
        account(&self.home, name, role);
        // From another address, so that what a page does cannot spend its allowance.
        self.client.from([9, 9]).signed_in(name)
    }

    /// A token of somebody who has an account.
    pub fn token(&self, name: &str) -> String {
        let told = self.client.done("/sign-in", &json!({ "name": name, "password": PASSWORD }));
        told["access"].as_str().expect("a token").to_owned()
    }

    /// Opens the console, with this behind its address.
    pub fn console(&self, query: &str) {
        self.browser.open(&format!("{}/console/{query}", self.url));
        self.browser.until("the console", "return document.querySelector('#sign-in') !== null");
    }

    /// Signs in at the page that is open.
    pub fn sign_in(&self, name: &str) {
        self.browser.write("#name", name);
        self.browser.write("#password", PASSWORD);
        self.browser.click("#sign-in-submit");
        self.is_signed_in();
    }

    /// Waits until the page shows the world.
    pub fn is_signed_in(&self) {
        let shown = "const out = document.querySelector('#sign-out'); return out !== null && out.checkVisibility()";
        self.browser.until("to be signed in", shown);
    }

    /// Goes to a view of the console.
    pub fn view(&self, name: &str) {
        self.browser.click(&format!("#nav-{name}"));
        let shown = format!("return document.querySelector('#view-{name}').checkVisibility()");
        self.browser.until(name, &shown);
    }
}

/// All routes of the published document: name, method, path, row.
pub fn routes(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, row) in methods.as_object().expect("methods") {
            all.push((method.to_uppercase(), path.clone(), row.clone()));
        }
    }
    all
}
