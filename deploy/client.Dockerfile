# A client that knows nothing of Verdigris: Triton's own Python package. Build it from the root of the checkout:
#   docker build -f deploy/client.Dockerfile -t verdigris-client .

FROM python:3.11-slim
WORKDIR /client
COPY constraints.txt ./
RUN pip install --no-cache-dir --constraint constraints.txt "tritonclient[grpc]" \
 && useradd --system --uid 10001 --no-create-home client
COPY deploy/client.py deploy/demo/requests.csv ./
ENV PYTHONUNBUFFERED=1
USER client
ENTRYPOINT ["python", "client.py"]
