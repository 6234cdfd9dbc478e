#include "coordinator/api/api_hub.h"

#include "base/check.h"
#include "coordinator/api/routes.h"

namespace remuda {

ApiHub::ApiHub(const ApiLimits& api_limits, Gate::Options gate_options,
               ExchangeContext context, Metrics& metrics)
    : limits(api_limits),
      gate(std::move(gate_options)),
      exchanges(std::move(context)) {
  const auto add_route = [&](const std::string& route) {
    for (int hundreds = 2; hundreds <= 5; ++hundreds) {
      requests_[{route, hundreds}] = metrics.AddCounter(
          "remuda_api_requests_total", "Requests over HTTP by their answer.",
          {{"route", route}, {"code", std::to_string(hundreds) + "xx"}});
    }
  };
  for (const RouteFacts& facts : Routes()) add_route(facts.name);
  add_route("none");
  connections_open_ =
      metrics.AddGauge("remuda_api_connections", "Open connections by HTTP.");
  streams_gauge_ =
      metrics.AddGauge("remuda_api_streams", "Open streams of events.");
}

bool ApiHub::MakeRoom() {
  while (connections_.size() >= limits.connections_max) {
    ApiConnection* oldest = nullptr;
    for (ApiConnection* connection : connections_) {
      if (connection->phase() > ApiConnection::Phase::kReading) continue;
      if (oldest == nullptr || connection->since() < oldest->since()) {
        oldest = connection;
      }
    }
    if (oldest == nullptr) return false;
    // It counts no longer, though it takes a moment to go.
    Remove(*oldest);
    oldest->Cut();
  }
  return true;
}

void ApiHub::Add(ApiConnection& connection) {
  connections_.insert(&connection);
  connections_open_.Set(static_cast<double>(connections_.size()));
}

void ApiHub::Remove(ApiConnection& connection) {
  connections_.erase(&connection);
  connections_open_.Set(static_cast<double>(connections_.size()));
}

void ApiHub::CutAll() {
  const std::set<ApiConnection*> all = connections_;
  for (ApiConnection* connection : all) connection->Cut();
}

void ApiHub::SetTokens(Tokens tokens) {
  gate.SetTokens(std::move(tokens));
  const std::set<ApiConnection*> all = connections_;
  for (ApiConnection* connection : all) connection->OnTokensChanged();
}

bool ApiHub::TakeBody(uint64_t bytes) {
  if (body_bytes_ + bytes > limits.bodies_bytes_max) return false;
  body_bytes_ += bytes;
  return true;
}

bool ApiHub::TakeStream(const Identity& identity) {
  size_t& mine = streams_[identity.name];
  if (streams_open_ >= limits.streams_max ||
      mine >= limits.streams_of_one_max) {
    if (mine == 0) streams_.erase(identity.name);
    return false;
  }
  ++mine;
  streams_gauge_.Set(static_cast<double>(++streams_open_));
  return true;
}

void ApiHub::GiveStream(const Identity& identity) {
  const auto mine = streams_.find(identity.name);
  CHECK(mine != streams_.end() && mine->second > 0);
  if (--mine->second == 0) streams_.erase(mine);
  streams_gauge_.Set(static_cast<double>(--streams_open_));
}

void ApiHub::Count(const std::string& route, int status) {
  requests_.at({route, status / 100}).Add();
}

}  // namespace remuda
