// Answers requests as TensorFlow Serving does: with LoadSavedModel and a
// session of TensorFlow's C++ library, no Python.
//
//   loader MODEL REQUESTS
//
// Each folder in REQUESTS is a request: the file `signature` holds its name,
// `inputs/NAME` a TensorProto. The answer is written beside: `status`, either
// "OK" or an error, and `outputs/NAME`.

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/framework/tensor.pb.h"
#include "tensorflow/core/platform/env.h"
#include "tensorflow/core/platform/path.h"
#include "tensorflow/core/public/session.h"

namespace tf = tensorflow;
using tf::io::JoinPath;

namespace {

std::vector<std::string> Children(const std::string& folder) {
  std::vector<std::string> names;
  TF_CHECK_OK(tf::Env::Default()->GetChildren(folder, &names));
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status ReadInputs(const tf::SignatureDef& signature,
                        const std::string& folder,
                        std::vector<std::pair<std::string, tf::Tensor>>* inputs) {
  for (const std::string& name : Children(folder)) {
    const auto found = signature.inputs().find(name);
    if (found == signature.inputs().end()) {
      return tf::errors::InvalidArgument("the signature has no input ", name);
    }
    tf::TensorProto proto;
    TF_RETURN_IF_ERROR(tf::ReadBinaryProto(tf::Env::Default(),
                                           JoinPath(folder, name), &proto));
    tf::Tensor tensor;
    if (!tensor.FromProto(proto)) {
      return tf::errors::InvalidArgument("no tensor: ", name);
    }
    inputs->emplace_back(found->second.name(), tensor);
  }
  return absl::OkStatus();
}

absl::Status Answer(const tf::SavedModelBundle& model,
                    const std::string& request) {
  tf::Env* env = tf::Env::Default();
  std::string name;
  TF_RETURN_IF_ERROR(
      tf::ReadFileToString(env, JoinPath(request, "signature"), &name));
  const auto found = model.GetSignatures().find(name);
  if (found == model.GetSignatures().end()) {
    return tf::errors::FailedPrecondition("Serving signature key \"", name,
                                          "\" not found.");
  }
  std::vector<std::pair<std::string, tf::Tensor>> inputs;
  TF_RETURN_IF_ERROR(
      ReadInputs(found->second, JoinPath(request, "inputs"), &inputs));
  std::vector<std::string> names, nodes;
  for (const auto& [alias, info] : found->second.outputs()) {
    names.push_back(alias);
    nodes.push_back(info.name());
  }
  std::vector<tf::Tensor> outputs;
  TF_RETURN_IF_ERROR(
      model.GetSession()->Run(inputs, nodes, /*target_nodes=*/{}, &outputs));
  const std::string folder = JoinPath(request, "outputs");
  TF_RETURN_IF_ERROR(env->RecursivelyCreateDir(folder));
  for (size_t i = 0; i < outputs.size(); ++i) {
    tf::TensorProto proto;
    outputs[i].AsProtoField(&proto);
    TF_RETURN_IF_ERROR(
        tf::WriteBinaryProto(env, JoinPath(folder, names[i]), proto));
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: loader MODEL REQUESTS" << std::endl;
    return 2;
  }
  tf::SavedModelBundle model;
  const absl::Status status =
      tf::LoadSavedModel(tf::SessionOptions(), tf::RunOptions(), argv[1],
                         {"serve"}, &model);
  if (!status.ok()) {
    std::cerr << status.ToString() << std::endl;
    return 1;
  }
  for (const std::string& name : Children(argv[2])) {
    const std::string request = JoinPath(argv[2], name);
    TF_CHECK_OK(tf::WriteStringToFile(tf::Env::Default(),
                                      JoinPath(request, "status"),
                                      Answer(model, request).ToString()));
  }
  return 0;
}
