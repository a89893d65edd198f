using BenchmarkDotNet.Running;
using ConsentSnapshots.Generator.Benchmarks;

if (args is ["throughput", ..]) return Throughput.Run(args.Length > 1 ? int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 5);
BenchmarkSwitcher.FromAssembly(typeof(GenerationBenchmarks).Assembly).Run(args);
return 0;
