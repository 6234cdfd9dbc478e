#include "coordinator/server/key_metrics.h"

namespace remuda {
namespace {

double Real(uint64_t number) { return static_cast<double>(number); }

}  // namespace

KeyMetrics::KeyMetrics(Metrics& registry) {
  admitted_ = registry.AddGauge("remuda_keys_admitted",
                                "Entries of keys; 0 without --keys too.");
  const auto reloads = [&](const char* result) {
    return registry.AddCounter(
        "remuda_key_reloads_total",
        "Times that the entries were read again; failed keeps the old ones.",
        {{"result", result}});
  };
  reloads_ = reloads("ok");
  reloads_failed_ = reloads("failed");
  peers_cut_ = registry.AddCounter(
      "remuda_key_peers_cut_total",
      "Peers whose connection was closed as their entry changed.");
  frames_dropped_ = registry.AddCounter(
      "remuda_key_frames_dropped_total",
      "Messages by a key that was removed after the connection was made.");
  sessions_refused_ =
      registry.AddCounter("remuda_key_sessions_refused_total",
                          "Agents refused because others use their key.");
  const auto probes = [&](const char* result) {
    return registry.AddCounter("remuda_self_probe_total",
                               "Probes of the coordinator's own door.",
                               {{"result", result}});
  };
  probes_closed_ = probes("closed");
  probes_unanswered_ = probes("unanswered");
  probe_admissions_ = registry.AddCounter(
      "remuda_self_probe_admissions_total",
      "Strangers let in by the coordinator's own door; never above 0.");
}

void KeyMetrics::Publish(const KeyRing* ring,
                         const RouterSocket::Counters& socket,
                         uint64_t sessions_refused) {
  peers_cut_.AdvanceTo(Real(socket.cut));
  frames_dropped_.AdvanceTo(Real(socket.denied));
  sessions_refused_.AdvanceTo(Real(sessions_refused));
  if (ring == nullptr) return;
  const KeyRing::Numbers numbers = ring->numbers();
  admitted_.Set(Real(numbers.entries));
  reloads_.AdvanceTo(Real(numbers.reloads));
  reloads_failed_.AdvanceTo(Real(numbers.reloads_failed));
  probes_closed_.AdvanceTo(
      Real(numbers.probes - numbers.admissions - numbers.unanswered));
  probes_unanswered_.AdvanceTo(Real(numbers.unanswered));
  probe_admissions_.AdvanceTo(Real(numbers.admissions));
}

}  // namespace remuda
