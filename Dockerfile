# For machines without Linux: docker build -t autograder .  Then, in the course's folder:
#   docker run --rm -v "$PWD":/course autograder class ps4_training_loop
FROM python:3.12-slim-bookworm
# PyTorch's builds without CUDA are 4 GB smaller.
RUN python -m pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch torchvision
WORKDIR /opt/autograder
COPY pyproject.toml LICENSE ./
COPY autograder autograder
RUN python -m pip install --no-cache-dir .
# Folders that everybody may write: closed to the group of submissions' users, and to nobody else.
RUN chgrp 65519 /tmp /var/tmp /run/lock && chmod g=x /tmp /var/tmp /run/lock
# Root, so that each submission gets a user of its own that can read nothing of the grader's.
USER root
WORKDIR /course
ENTRYPOINT ["autograder"]
