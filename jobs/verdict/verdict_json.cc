#include "jobs/verdict/verdict_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "jobs/verdict/verdict_words.h"

namespace remuda {
namespace {

using Json = nlohmann::ordered_json;

Json JsonOf(const Interval& interval) {
  return {{"low", interval.low},
          {"middle", interval.middle},
          {"high", interval.high}};
}

Json JsonOf(const std::optional<double>& number) {
  return number ? Json(*number) : Json(nullptr);
}

Json JsonOf(const Prediction& one) {
  Json body = {{"executor", Name(one.executor)}, {"gain", JsonOf(one.gain)}};
  body["memory_bytes"] =
      one.memory_bytes.high > 0 ? JsonOf(one.memory_bytes) : Json(nullptr);
  body["fits"] = one.fits;
  return body;
}

Json MeasuresOf(const JudgedWork& judged) {
  const Measures& measures = judged.verdict.measures;
  const Evidence& evidence = judged.work.evidence;
  return {
      {"attempts", measures.attempts},
      {"failed", evidence.failed},
      {"mean_seconds", measures.mean.count()},
      {"median_seconds", evidence.Quantile(0.5).count()},
      {"p99_seconds", evidence.Quantile(0.99).count()},
      {"per_second", measures.per_second},
      {"at_once", measures.at_once},
      {"at_once_max", measures.at_once_max},
      {"cores_used", measures.cpu ? Json(measures.cores_used) : Json(nullptr)},
      {"cpu_share", JsonOf(measures.cpu)},
      {"run_queue_share", JsonOf(measures.queue)},
      {"gil_wait_share", JsonOf(measures.lock)},
      {"gil_held_share", JsonOf(measures.held)},
      {"loop_wait_share", JsonOf(measures.turn)},
      {"other_wait_share", JsonOf(measures.other)},
      {"loop_lag_seconds",
       measures.lag ? Json(measures.lag->count()) : Json(nullptr)},
      {"process_bytes", measures.memory_bytes > 0 ? Json(measures.memory_bytes)
                                                  : Json(nullptr)}};
}

// The newest first.
Json TriedOf(const LearnedChoice& learned) {
  std::vector<const LearnedChoice::Tried*> all;
  for (const auto& one : learned.tried) {
    if (one) all.push_back(&*one);
  }
  std::sort(all.begin(), all.end(),
            [](const auto* a, const auto* b) { return a->at > b->at; });
  Json list = Json::array();
  for (const LearnedChoice::Tried* one : all) {
    list.push_back({{"executor", Name(one->after.executor)},
                    {"instead_of", Name(one->before.executor)},
                    {"gain", one->gain > 0 ? Json(one->gain) : Json(nullptr)},
                    {"tasks", one->after.attempts},
                    {"kept", one->is_kept},
                    {"job", std::to_string(one->job.value)},
                    {"on", DayText(one->at)}});
  }
  return list;
}

}  // namespace

std::string WorkTitle(const JudgedWork& judged) {
  return judged.function.empty() ? judged.type : judged.function;
}

std::string VerdictToJson(const JudgedWork& judged) {
  const Verdict& verdict = judged.verdict;
  Json body = {
      {"type", judged.type},
      {"function",
       judged.function.empty() ? Json(nullptr) : Json(judged.function)},
      {"executor", Name(judged.work.executor)},
      {"cores", judged.work.cores},
      {"job", std::to_string(judged.job.value)},
      {"of_job", judged.of_job},
      {"executor_reason", judged.executor_reason},
      {"code", Name(verdict.code)},
      {"bound", Name(verdict.bound)},
      {"sentence", VerdictSentence(WorkTitle(judged), judged.work, verdict)},
      {"best", verdict.best ? Json(Name(*verdict.best)) : Json(nullptr)},
      {"leaning",
       verdict.leaning ? Json(Name(*verdict.leaning)) : Json(nullptr)},
      {"gain", JsonOf(verdict.gain)},
      {"batch_tasks",
       verdict.batch_tasks > 0 ? Json(verdict.batch_tasks) : Json(nullptr)},
      {"predictions", Json::array()},
      {"advice", Json::array()},
      {"tried", TriedOf(judged.learned)},
      {"measures", MeasuresOf(judged)}};
  for (const Prediction& one : verdict.predictions) {
    body["predictions"].push_back(JsonOf(one));
  }
  for (const Advice advice : verdict.advice) {
    body["advice"].push_back(
        {{"code", Name(advice)},
         {"text", advice == Advice::kBlocks && !judged.finding.empty()
                      ? judged.finding
                      : AdviceSentence(advice, judged.work, verdict)}});
  }
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace remuda
