#include <string>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/print.h"
#include "coordinator/api/tokens.h"

namespace remuda {

ExitCode TokenCommand(const TokenOptions& options) {
  const absl::StatusOr<std::string> token =
      Tokens::Make(options.folder, options.name, options.role);
  if (!token.ok()) return Fail(token.status());
  PrintData(*token);
  PrintWords("the token of " + options.name +
             ", shown this once; only its hash is kept. A running coordinator "
             "takes it after SIGHUP");
  return ExitCode::kOk;
}

}  // namespace remuda
