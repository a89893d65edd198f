// Front Door: an endpoint for the public container, and one for the edge. They are apart because any organization's name is a path of the first one. docs/azure.md says what it does with each header.

param name string

@description('The host of the blob service.')
param blobHostName string

param publicContainer string

@description('The identity that reads the container; empty: it is read without one.')
param identityId string

@description('The host of the edge; empty: there is no edge behind Front Door.')
param edgeHostName string

param tags object

var signsIn = !empty(identityId)
var hasEdge = !empty(edgeHostName)

resource profile 'Microsoft.Cdn/profiles@2025-06-01' = {
  name: name
  location: 'global'
  tags: tags
  sku: { name: 'Standard_AzureFrontDoor' }
  identity: signsIn ? { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } } : { type: 'None' }
  properties: { originResponseTimeoutSeconds: 30 }

  resource publicEndpoint 'afdEndpoints' = {
    name: '${name}-public'
    location: 'global'
    tags: tags
    properties: { enabledState: 'Enabled' }

    resource route 'routes' = {
      name: 'container'
      properties: {
        originGroup: { id: publicOrigins.id }
        originPath: '/${publicContainer}'
        patternsToMatch: ['/*']
        supportedProtocols: ['Http', 'Https']
        httpsRedirect: 'Enabled'
        // A token is sent over HTTPS only.
        forwardingProtocol: 'HttpsOnly'
        linkToDefaultDomain: 'Enabled'
        enabledState: 'Enabled'
        ruleSets: [{ id: publicRules.id }]
        // How long each name is kept stands in its own Cache-Control, so no rule overrides that.
        cacheConfiguration: {
          // No name here needs a query. Front Door sends one to the account all the same, so an answer to it must not be kept for those who ask without.
          queryStringCachingBehavior: 'UseQueryString'
          compressionSettings: {
            isCompressionEnabled: true
            contentTypesToCompress: ['application/json', 'text/javascript']
          }
        }
      }
      dependsOn: [publicOrigins::blobs]
    }
  }

  resource publicOrigins 'originGroups' = {
    name: 'public'
    properties: {
      loadBalancingSettings: { sampleSize: 4, successfulSamplesRequired: 2, additionalLatencyInMilliseconds: 0 }
      sessionAffinityState: 'Disabled'
      // With an identity a probe must use HTTPS. There is one origin, so its outcome changes nothing.
      healthProbeSettings: {
        probePath: '/${publicContainer}/_/loader.js'
        probeProtocol: 'Https'
        probeRequestType: 'HEAD'
        probeIntervalInSeconds: 255
      }
      authentication: signsIn
        ? {
            type: 'UserAssignedIdentity'
            scope: 'https://storage.azure.com/.default'
            userAssignedIdentity: { id: identityId }
          }
        : null
    }

    resource blobs 'origins' = {
      name: 'blobs'
      properties: {
        hostName: blobHostName
        originHostHeader: blobHostName
        httpsPort: 443
        enforceCertificateNameCheck: true
        enabledState: 'Enabled'
        priority: 1
        weight: 1000
      }
    }
  }

  resource publicRules 'ruleSets' = {
    name: 'public'

    // A query that names an operation of the storage account (a listing, metadata) is none of a page's.
    resource operations 'rules' = {
      name: 'operations'
      properties: {
        order: 1
        matchProcessingBehavior: 'Stop'
        conditions: [
          {
            name: 'QueryString'
            parameters: {
              typeName: 'DeliveryRuleQueryStringConditionParameters'
              operator: 'Contains'
              matchValues: ['comp=', 'restype=', 'snapshot=', 'versionid=', '%']
              transforms: ['Lowercase']
              negateCondition: false
            }
          }
        ]
        actions: [
          {
            name: 'UrlRedirect'
            parameters: {
              typeName: 'DeliveryRuleUrlRedirectActionParameters'
              redirectType: 'Found'
              destinationProtocol: 'MatchRequest'
              customQueryString: 'query=refused'
            }
          }
        ]
      }
    }

    // The account sends Access-Control-Allow-Origin only where a request had an Origin, and what fills the cache may have none.
    resource headers 'rules' = {
      name: 'headers'
      properties: {
        order: 2
        conditions: []
        actions: concat(
          [
            {
              name: 'ModifyResponseHeader'
              parameters: {
                typeName: 'DeliveryRuleHeaderActionParameters'
                headerAction: 'Overwrite'
                headerName: 'Access-Control-Allow-Origin'
                value: '*'
              }
            }
            {
              name: 'ModifyResponseHeader'
              parameters: {
                typeName: 'DeliveryRuleHeaderActionParameters'
                headerAction: 'Overwrite'
                headerName: 'X-Content-Type-Options'
                value: 'nosniff'
              }
            }
          ],
          // The storage account takes a token only in a request that names a version which knows tokens.
          signsIn
            ? [
                {
                  name: 'ModifyRequestHeader'
                  parameters: {
                    typeName: 'DeliveryRuleHeaderActionParameters'
                    headerAction: 'Overwrite'
                    headerName: 'x-ms-version'
                    value: '2023-11-03'
                  }
                }
              ]
            : []
        )
        matchProcessingBehavior: 'Continue'
      }
    }
  }

  resource edgeEndpoint 'afdEndpoints' = if (hasEdge) {
    name: '${name}-edge'
    location: 'global'
    tags: tags
    properties: { enabledState: 'Enabled' }

    resource route 'routes' = {
      name: 'edge'
      properties: {
        originGroup: { id: edgeOrigins.id }
        // What pages ask for. Health and metrics are not reached from here.
        patternsToMatch: ['/v1/*', '/analytics/*']
        supportedProtocols: ['Http', 'Https']
        httpsRedirect: 'Enabled'
        forwardingProtocol: 'HttpsOnly'
        linkToDefaultDomain: 'Enabled'
        enabledState: 'Enabled'
        cacheConfiguration: {
          // A query has a visitor's consent. Front Door keeps no answer that is private, but requests that are under way at the same time may share one, so the whole query is in the key.
          queryStringCachingBehavior: 'UseQueryString'
          // The edge compresses by itself, and its ETags are for the bytes that it sends.
          compressionSettings: { isCompressionEnabled: false }
        }
      }
      dependsOn: [edgeOrigins::edge]
    }
  }

  resource edgeOrigins 'originGroups' = if (hasEdge) {
    name: 'edge'
    properties: {
      loadBalancingSettings: { sampleSize: 4, successfulSamplesRequired: 2, additionalLatencyInMilliseconds: 0 }
      sessionAffinityState: 'Disabled'
      healthProbeSettings: {
        probePath: '/v1/loader.js'
        probeProtocol: 'Https'
        probeRequestType: 'HEAD'
        probeIntervalInSeconds: 60
      }
    }

    resource edge 'origins' = {
      name: 'edge'
      properties: {
        hostName: edgeHostName
        originHostHeader: edgeHostName
        httpsPort: 443
        enforceCertificateNameCheck: true
        enabledState: 'Enabled'
        priority: 1
        weight: 1000
      }
    }
  }
}

output publicUrl string = 'https://${profile::publicEndpoint.properties.hostName}'
output edgeUrl string = hasEdge ? 'https://${profile::edgeEndpoint!.properties.hostName}' : ''
output frontDoorId string = profile.properties.frontDoorId
