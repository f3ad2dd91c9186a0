-- Passwords of the two roles in docker-compose.yml. Production has its own, and not in a file of the repository.
ALTER ROLE stoa_owner PASSWORD 'owner';
ALTER ROLE stoa_app PASSWORD 'app';
