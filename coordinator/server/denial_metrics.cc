#include "coordinator/server/denial_metrics.h"

#include <cstdint>

#include "wire/codec.h"
#include "wire/frame_types.h"

namespace remuda {

DenialMetrics::DenialMetrics(Metrics& metrics) {
  for (int i = 0; i < kRoles; ++i) {
    const auto role = static_cast<Role>(i);
    for (uint8_t type = 0; type < frame_types::kEnd; ++type) {
      // Each half of the types goes one way (docs/WIRE.md).
      const bool is_heard =
          type < frame_types::kCoordinatorBase ||
          (type >= frame_types::kRequestBase && type < frame_types::kReplyBase);
      const std::string name(FrameTypeName(type));
      if (!is_heard || name == "unknown") continue;
      denied_[{role, name}] = metrics.AddCounter(
          "remuda_auth_denied_total",
          "Messages of peers that may not send them; they changed nothing.",
          {{"role", RoleName(role)}, {"type", name}});
    }
  }
}

void DenialMetrics::Count(Role role, std::string_view type) {
  denied_.at({role, std::string(type)}).Add();
}

}  // namespace remuda
