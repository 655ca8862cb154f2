# For machines without Linux: docker build -t autograder .  Then, in the course's folder:
#   docker run --rm -v "$PWD":/instructor/course autograder class ps4_training_loop
FROM python:3.12-slim-bookworm
# PyTorch's builds without CUDA are 4 GB smaller.
RUN python -m pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch torchvision
WORKDIR /opt/autograder
COPY pyproject.toml LICENSE ./
COPY autograder autograder
RUN python -m pip install --no-cache-dir .
COPY deploy/container_entrypoint.sh ./
# Root, so that each submission gets a user of its own that can read nothing of the grader's.
USER root
WORKDIR /instructor/course
ENTRYPOINT ["sh", "/opt/autograder/container_entrypoint.sh"]
