#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "wire/client_messages.h"

namespace remuda {

// What a coordinator replied as JSON that scripts rely on: the same objects by
// the command line (docs/CLI.md) and over HTTP (docs/API.md). Ids are strings,
// unknown is null.

// {"id","name","state","tasks":{...},"attempts",...}
std::string JobJson(const JobSummary& job, WallTime now);

// {"jobs":[...]}
std::string JobsJson(const std::vector<JobSummary>& jobs, WallTime now);

// {"index","item","state",...,"output","error"}, without a newline.
std::string TaskJson(const TaskRow& task);

// {"agents":[{"id","state","executors","labels"}]}
std::string AgentsJson(const std::vector<AgentSummary>& agents);

// {"verdicts":[...]}, each as docs/VERDICT.md says.
std::string VerdictsJson(const Verdicts& verdicts);

// How long it ran so far, or in all.
Duration RunningTime(const JobSummary& job, WallTime now);

// The bytes of the stream "stdout" or "stderr" inside a task's output: text
// there, or {"base64": ...} for what is not UTF-8. Empty if it holds none.
std::string InlineStream(const std::string& output_json,
                         std::string_view stream);

}  // namespace remuda
