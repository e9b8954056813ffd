// SPDX-License-Identifier: Apache-2.0
// A small emulation of what gives tokens of Microsoft Entra ID: the token endpoint by TLS (secrets, certificates,
// federated tokens), and by plain http the identity services of virtual machines and of App Service. As strict as
// the real ones about what a client sends. Proven by @azure/identity: tests/azure/tokens.
"use strict";
const crypto = require("crypto");
const http = require("http");
const https = require("https");

const TENANT = "11111111-2222-3333-4444-555555555555";
const CLIENT = "66666666-7777-8888-9999-000000000000";
const SECRET = "hidden-secret";
const FEDERATED = "hidden.federated.token";
const HEADER = "hidden-header";
const RESOURCE = "https://storage.azure.com";
const SKEW_S = 300; // that clocks may differ
const base64url = (data) => Buffer.from(data).toString("base64url");
const part = (jwt, n) => JSON.parse(Buffer.from(jwt.split(".")[n], "base64url").toString());

class Refused extends Error {
	constructor(status, error, text) {
		super(text);
		this.status = status;
		this.error = error;
	}
}

class Entra {
	// certificate: PEM, of the application
	constructor(tls, certificate) {
		this.certificate = new crypto.X509Certificate(certificate);
		this.count = 0; // tokens that were given
		const serve = (request, response) => this.serve(request, response);
		this.secure = https.createServer(tls, serve);
		this.plain = http.createServer(serve);
	}

	async start() {
		for (const server of [this.secure, this.plain])
			await new Promise((done) => server.listen(0, "127.0.0.1", done));
		this.authority = `https://127.0.0.1:${this.secure.address().port}`;
		this.metadata = `http://127.0.0.1:${this.plain.address().port}`;
	}

	stop() {
		for (const server of [this.secure, this.plain]) {
			server.close();
			server.closeAllConnections();
		}
	}

	// One that Azurite takes: it looks at audience, issuer and dates. How it was got stands in it.
	token(how) {
		const now = Math.floor(Date.now() / 1000);
		this.count++;
		const claims = { aud: RESOURCE, iss: `https://sts.windows.net/${TENANT}/`, iat: now - 600, nbf: now - 600, exp: now + 3600, how };
		return `${base64url('{"alg":"RS256","typ":"JWT"}')}.${base64url(JSON.stringify(claims))}.${base64url("signature")}`;
	}

	serve(request, response) {
		let body = "";
		request.on("data", (data) => { body += data; });
		request.on("end", () => {
			let status = 200, answer;
			try {
				answer = this.route(request, new URL(request.url, this.authority), new URLSearchParams(body));
			} catch (error) {
				status = error.status ?? 500;
				answer = { error: error.error ?? "server_error", error_description: error.message };
			}
			response.writeHead(status, { "Content-Type": "application/json" });
			response.end(JSON.stringify(answer));
		});
	}

	route(request, url, form) {
		const secure = request.socket.encrypted;
		if (secure && url.pathname === `/${TENANT}/v2.0/.well-known/openid-configuration`)
			return this.configuration();
		if (secure && request.method === "POST" && url.pathname === `/${TENANT}/oauth2/v2.0/token`)
			return { token_type: "Bearer", expires_in: 3599, access_token: this.token(this.application(form)) };
		if (!secure && url.pathname.replace(/\/$/, "") === "/metadata/identity/oauth2/token")
			return this.machine(request, url.searchParams, "metadata", "true", "2018-02-01", "machine");
		if (!secure && url.pathname === "/msi/token")
			return this.machine(request, url.searchParams, "x-identity-header", HEADER, "2019-08-01", "app service");
		throw new Refused(404, "not_found", url.pathname);
	}

	configuration() {
		const at = `${this.authority}/${TENANT}`;
		return { token_endpoint: `${at}/oauth2/v2.0/token`, authorization_endpoint: `${at}/oauth2/v2.0/authorize`,
			issuer: `${at}/v2.0`, jwks_uri: `${at}/keys`, end_session_endpoint: `${at}/logout` };
	}

	// "OAuth 2.0 client credentials flow on the Microsoft identity platform"
	application(form) {
		if (form.get("grant_type") !== "client_credentials" || form.get("client_id") !== CLIENT)
			throw new Refused(400, "unauthorized_client", "AADSTS700016: no such application");
		if (!form.get("scope")?.split(" ").some((scope) => scope === `${RESOURCE}/.default`))
			throw new Refused(400, "invalid_scope", `AADSTS70011: ${form.get("scope")}`);
		if (form.has("client_secret")) {
			if (form.get("client_secret") !== SECRET)
				throw new Refused(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1");
			return "secret";
		}
		if (form.get("client_assertion_type") !== "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
			throw new Refused(400, "invalid_request", "AADSTS7000216: 'client_assertion' is required");
		if (form.get("client_assertion") === FEDERATED)
			return "federated";
		this.assertion(form.get("client_assertion"));
		return "certificate";
	}

	// "Microsoft identity platform application authentication certificate credentials"
	assertion(jwt) {
		const header = part(jwt, 0), claims = part(jwt, 1), now = Date.now() / 1000;
		const digest = (name) => crypto.createHash(name).update(this.certificate.raw).digest("base64url");
		const named = header.x5t ? header.x5t === digest("sha1") : header["x5t#S256"] === digest("sha256");
		const padding = { RS256: crypto.constants.RSA_PKCS1_PADDING, PS256: crypto.constants.RSA_PKCS1_PSS_PADDING }[header.alg];
		const [a, b, signature] = jwt.split(".");
		if (!named || !padding || !crypto.verify("sha256", Buffer.from(`${a}.${b}`),
			{ key: this.certificate.publicKey, padding }, Buffer.from(signature, "base64url")))
			throw new Refused(401, "invalid_client", "AADSTS700027: the assertion's signature is wrong");
		if (claims.iss !== CLIENT || claims.sub !== CLIENT || !claims.jti || claims.nbf > now + SKEW_S || claims.exp < now - SKEW_S ||
			!claims.aud.startsWith(`${this.authority}/${TENANT}/`))
			throw new Refused(401, "invalid_client", `AADSTS700023: the assertion is not for this: ${JSON.stringify(claims)}`);
	}

	machine(request, query, name, value, version, how) {
		if (request.headers[name]?.toLowerCase() !== value)
			throw new Refused(400, "invalid_request", "Required metadata header not specified");
		if (query.get("api-version") !== version || query.get("resource")?.replace(/\/$/, "") !== RESOURCE)
			throw new Refused(400, "invalid_resource", `${query}`);
		const end = String(Math.floor(Date.now() / 1000) + 3599);
		return { access_token: this.token(how), client_id: CLIENT, expires_in: "3599", expires_on: end, resource: RESOURCE,
			token_type: "Bearer" };
	}
}

module.exports = { Entra, TENANT, CLIENT, SECRET, FEDERATED, HEADER };
