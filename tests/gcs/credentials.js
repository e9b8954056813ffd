// SPDX-License-Identifier: Apache-2.0
// Where tokens come from (tests/apps/googleserver.py), by google-auth-library: the store takes what was handed out.
"use strict";
const { spawn } = require("child_process");
const crypto = require("crypto");
const fs = require("fs");
const path = require("path");
const { Compute, ExternalAccountClient, OAuth2Client } = require("google-auth-library");

const SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";
const SECRET = "crosscheck-secret", START_MS = 20000;

// Starts it; resolves to {url, folder, stop}.
async function start(folder) {
	const program = path.join(__dirname, "..", "apps", "googleserver.py");
	const server = spawn("python3", ["-B", program, folder, SECRET], { stdio: ["ignore", "ignore", "inherit"] });
	const file = path.join(folder, "url");
	for (const end = Date.now() + START_MS; !fs.existsSync(file); await new Promise((done) => setTimeout(done, 10))) {
		if (Date.now() > end || server.exitCode !== null)
			throw new Error("googleserver.py did not start");
	}
	return { url: fs.readFileSync(file, "utf8"), folder, stop: () => server.kill() };
}

const load = (server, name) => JSON.parse(fs.readFileSync(path.join(server.folder, name), "utf8"));

async function token(client) {
	return (await client.getAccessToken()).token;
}

// Google's library has the address of this endpoint built in: signed here, by the document.
async function byJwt(server, changes, key) {
	const account = load(server, "service-account.json");
	const now = Math.floor(Date.now() / 1000);
	const claims = { iss: account.client_email, scope: SCOPE, aud: account.token_uri, iat: now, exp: now + 3600, ...changes };
	const part = (json) => Buffer.from(JSON.stringify(json)).toString("base64url");
	const text = `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}`;
	const signature = crypto.createSign("RSA-SHA256").update(text).sign(key || account.private_key, "base64url");
	const answer = await fetch(account.token_uri, { method: "POST", body: new URLSearchParams({
		grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: `${text}.${signature}` }) });
	const json = await answer.json();
	return { status: answer.status, token: json.access_token, error: json.error };
}

async function byRefresh(server, secret) {
	const user = load(server, "user.json");
	const client = new OAuth2Client({ clientId: user.client_id, clientSecret: secret || user.client_secret,
		endpoints: { oauth2TokenUrl: user.token_uri } });
	client.setCredentials({ refresh_token: user.refresh_token });
	return token(client);
}

function byExternal(server, name) {
	const client = ExternalAccountClient.fromJSON(load(server, name));
	client.scopes = [SCOPE];
	return token(client);
}

function byMetadata(server) {
	process.env.GCE_METADATA_HOST = new URL(server.url).host;
	return token(new Compute());
}

// A token as the server makes them, of an expiry and a secret of our own.
function forged(expiry, secret) {
	const text = `${expiry}.${crypto.randomBytes(8).toString("hex")}`;
	return `ya29.${text}.${crypto.createHmac("sha256", secret || SECRET).update(text).digest("hex")}`;
}

async function counts(server) {
	return (await fetch(`${server.url}/counts`)).json();
}

module.exports = { SECRET, start, byJwt, byRefresh, byExternal, byMetadata, forged, counts };
