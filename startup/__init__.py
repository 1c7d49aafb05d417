"""How is the whole product brought up, kept up and taken down again on one machine?"""
