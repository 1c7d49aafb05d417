"""A provider of sign-ins as organisations have them, for tests: `python canaille_provider.py PORT CALLBACK`.

It is Canaille, with one person and us as a client; it keeps all in memory.
"""

import datetime
import os
import sys
import wsgiref.simple_server

CLIENT_ID, CLIENT_SECRET = "rechtdoor", "a secret that canaille knows"
NAME, EMAIL, PASSWORD, GROUP = "ada", "ada@example.nl", "correct horse battery", "Balie"


def main(port: int, public_url: str) -> None:
    """Answer until it is ended."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    from canaille import create_app
    from canaille.app import models
    from canaille.backends import Backend
    from joserfc.jwk import JWKRegistry

    key = JWKRegistry.generate_key("RSA", 2048)
    key.ensure_kid()
    application = create_app(
        config={
            "ENV_FILE": None,
            "SECRET_KEY": "only for this test",
            "PREFERRED_URL_SCHEME": "http",
            "SERVER_NAME": f"127.0.0.1:{port}",
            "SESSION_COOKIE_SECURE": False,
            "TESTING": True,
            "CANAILLE": {
                "DATABASE": "memory",
                "JAVASCRIPT": False,
                "ACL": {"DEFAULT": {"PERMISSIONS": ["use_oidc"]}},
            },
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
        }
    )
    now = datetime.datetime.now(datetime.UTC)
    with application.app_context():
        backend = Backend.instance
        person = models.User(
            user_name=NAME, formatted_name="Ada Jansen", family_name="Jansen", emails=[EMAIL]
        )
        person.password = PASSWORD
        backend.save(person)
        backend.save(models.Group(display_name=GROUP, members=[person]))
        client = models.Client(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            client_id_issued_at=now,
            client_name="Rechtdoor",
            contacts=["beheer@example.nl"],
            client_uri=public_url,
            redirect_uris=[f"{public_url}/login/oidc/callback"],
            post_logout_redirect_uris=[f"{public_url}/login"],
            grant_types=["authorization_code"],
            response_types=["code"],
            token_endpoint_auth_method="client_secret_basic",
            scope=["openid", "profile", "email", "groups"],
        )
        backend.save(client)
        # As Canaille does itself for who registers: a token for us is meant for us.
        client.audience = [client]
        backend.save(client)
    wsgiref.simple_server.make_server("127.0.0.1", port, application).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
