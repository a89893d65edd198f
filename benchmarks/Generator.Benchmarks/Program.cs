using BenchmarkDotNet.Running;
using ConsentSnapshots.Generator.Benchmarks;

// throughput SECONDS [NAME]: with a name only that measurement, for a profiler.
if (args is ["throughput", var seconds, ..]) return Throughput.Run(int.Parse(seconds, System.Globalization.CultureInfo.InvariantCulture), args.Length > 2 ? args[2] : null);
BenchmarkSwitcher.FromAssembly(typeof(GenerationBenchmarks).Assembly).Run(args);
return 0;
